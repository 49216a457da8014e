"""HAAQI-Net: a fast, differentiable stand-in for HAAQI.

Two models share one interface, :class:`Predictor`:

* the **light** one (``front_end="light"``, bundled) compares the processed signal with its
  reference on a small cochlea in torch;
* the **published** one (arXiv 2401.01145) hears the processed signal alone through a pretrained
  audio transformer, its front end, which comes from a plugin (``front_end="beats"`` from the
  distribution bench-beats).

Importing this package is cheap; torch comes with :func:`load`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from torch import Tensor

FRONT_END_GROUP: Final = "bench.haaqi_net"
"""Entry points of front ends: a callable from weights (str) to a :class:`Predictor`."""
LIGHT: Final = "light"
BUNDLED: Final = "bundled"


class Predictor(Protocol):
    """Predicts HAAQI; a ``torch.nn.Module`` in eval mode with frozen parameters."""

    @property
    def intrusive(self) -> bool:
        """Whether `score` needs the reference."""

    def score(
        self,
        processed: Tensor,
        audiogram: Tensor,
        level1: Tensor,
        sample_rate: int,
        reference: Tensor | None = None,
        reference_rate: int | None = None,
    ) -> Tensor:
        """Predicted HAAQI of each ear, differentiable in `processed`.

        Args:
            processed: one ear's signal a row, ``(B, N)``, full scale 1.0; a stereo signal is two
                rows with an audiogram each.
            audiogram: dB HL at 250 ... 8000 Hz, ``(B, 8)``.
            level1: dB SPL that an RMS of 1.0 stands for, ``(B,)``.
            sample_rate: Hz.
            reference: ``(B, M)``, time-aligned with `processed`, amplified as `processed` is;
                read by an intrusive model only.
            reference_rate: Hz; `sample_rate` where None.

        Returns:
            ``(B,)``, 0 to 1.

        Raises:
            ValueError: shapes that do not fit, or an intrusive model without a reference.
        """


def load(front_end: str = LIGHT, weights: str = BUNDLED) -> Predictor:
    """Load a predictor.

    Args:
        front_end: "light", or the name of an installed plugin's front end such as "beats".
        weights: "bundled" (the light model only) or a path.

    Raises:
        BenchError: no such front end, or the weights are missing or do not fit.
    """
    if front_end == LIGHT:
        from bench.hearing.haaqi_net.light import load_light

        return load_light(weights)
    from importlib.metadata import entry_points

    from bench.errors import BenchError, near_match

    found = entry_points(group=FRONT_END_GROUP)
    if front_end not in found.names:
        hint = (
            "It comes with the package bench-beats: pip install bench-beats."
            if front_end == "beats"
            else near_match(front_end, [LIGHT, *sorted(found.names)])
        )
        raise BenchError(
            f"no front end '{front_end}' for HAAQI-Net is installed", where="haaqi-net", hint=hint
        )
    predictor: Predictor = found[front_end].load()(weights)
    return predictor


def check_shapes(processed: Tensor, audiogram: Tensor, level1: Tensor) -> None:
    """Refuse what a careless reshape lets through, such as a stereo signal as a batch of two.

    Raises:
        ValueError: see :meth:`Predictor.score`.
    """
    rows = processed.shape[0]
    if processed.dim() != 2 or audiogram.shape != (rows, 8) or level1.shape != (rows,):
        raise ValueError(
            "HAAQI-Net wants a signal (B, N), an audiogram (B, 8) in dB HL and a level1 (B,), "
            f"not {tuple(processed.shape)}, {tuple(audiogram.shape)} and {tuple(level1.shape)}"
        )
