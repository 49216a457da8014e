"""HAAQI light: an intrusive model, small enough to be bundled and fast enough for a loss.

The processed signal and its reference pass a cochlea in torch that knows the audiogram and the
level (:mod:`.cochlea`) and are compared as HAAQI compares them (:mod:`.comparison`). The formula of
HAAQI turns these approximate quantities into an estimate, and a small network corrects it:
convolutions over time with the audiogram and the summary at every frame, self-attention, and a
score a frame, of which the mean counts.

The correction is bounded, and it has no gradient: the network was trained on the output of systems,
not on what an optimiser does to please it. So a system trained on the score climbs the formula;
with the network's gradient too, true HAAQI rose less (see the model card). Without training the
network changes nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from bench.errors import BenchError
from bench.hearing import AUDIOGRAM_FREQUENCIES
from bench.hearing.haaqi_light.cochlea import Cochlea, Excitation
from bench.hearing.haaqi_light.comparison import (
    FRAME_CHANNELS,
    SUMMARY_CHANNELS,
    Comparison,
    Features,
)
from bench.hearing.predictor import BUNDLED, check_shapes

BUNDLED_FILE: Final = Path(__file__).parent / "weights" / "haaqi_light.safetensors"
CORRECTION: Final = 1.5
"""The most, in logits, that the network may move a frame's score from the formula's."""
SHORTEST: Final = 0.1
"""s; what is shorter has no modulations to compare."""
_QUERIES: Final = 1024
"""Frames of 32 ms that attend to all at a time: the weights of a whole song are a gigabyte."""
_LEVEL1_RANGE: Final = (0.0, 180.0)
"""dB SPL; keeps the scores of a silent reference finite."""


class FrameScorer(nn.Module):
    """The trained part of HAAQI light, which corrects each frame's score.

    Args:
        channels: width of the body.
        layers: convolutions of the body, each over 3 frames; the first two halve the frame rate.
        heads: heads of the self-attention.

    Example:
        >>> sum(parameter.numel() for parameter in FrameScorer().parameters())
        192673
    """

    def __init__(self, channels: int = 96, layers: int = 4, heads: int = 4) -> None:
        super().__init__()
        self.config = {"channels": channels, "layers": layers, "heads": heads}
        context = SUMMARY_CHANNELS + len(AUDIOGRAM_FREQUENCIES)
        self.context = nn.Sequential(nn.Linear(context, channels), nn.GELU())
        self.body = nn.ModuleList(
            nn.Conv1d(
                FRAME_CHANNELS + channels if layer == 0 else channels,
                channels,
                3,
                stride=2 if layer < 2 else 1,
                padding=1,
            )
            for layer in range(layers)
        )
        self.norms = nn.ModuleList(nn.GroupNorm(1, channels) for _ in range(layers))
        self.attention = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.frame_score = nn.Linear(2 * channels, 1)
        nn.init.zeros_(self.frame_score.weight)
        nn.init.zeros_(self.frame_score.bias)

    def forward(self, features: Features, audiogram: Tensor) -> Tensor:
        """Score frames, ``(B, T)``, 0 to 1; differentiable in ``features.estimate`` alone."""
        summary = torch.cat([features.summary.detach(), audiogram / 100], -1)
        context = self.context(summary)
        frames = features.frames.shape[-1]
        x = torch.cat([features.frames.detach(), context[..., None].expand(-1, -1, frames)], 1)
        for layer, (convolution, norm) in enumerate(zip(self.body, self.norms, strict=True)):
            y = nn.functional.gelu(norm(convolution(x)))
            x = y if layer < 2 else x + y
        x = x.transpose(1, 2)
        parts = [x[:, k : k + _QUERIES] for k in range(0, x.shape[1], _QUERIES)]
        attended = torch.cat([self.attention(q, x, x, need_weights=False)[0] for q in parts], 1)
        both = torch.cat([x + attended, context[:, None].expand(-1, x.shape[1], -1)], -1)
        correction = CORRECTION * torch.tanh(self.frame_score(both)[..., 0] / CORRECTION)
        formula = torch.logit(features.estimate.clamp(1e-3, 1 - 1e-3))
        return torch.sigmoid(formula[:, None] + correction)


class HaaqiLight(nn.Module):
    """HAAQI light, a :class:`bench.api.Predictor`.

    Args:
        scorer: the trained part; one that changes nothing where None.

    Example:
        >>> signal = 0.1 * torch.rand(1, 3_000)
        >>> with torch.no_grad():  # a signal beside itself
        ...     score = HaaqiLight().score(
        ...         signal, torch.zeros(1, 8), torch.tensor([80.0]), 24_000, reference=signal
        ...     )
        >>> bool(score > 0.95)
        True
    """

    intrusive = True

    def __init__(self, scorer: FrameScorer | None = None) -> None:
        super().__init__()
        self.cochlea = Cochlea()
        self.comparison = Comparison()
        self.scorer = scorer or FrameScorer()

    def features(
        self,
        processed: Tensor,
        audiogram: Tensor,
        level1: Tensor,
        sample_rate: int,
        reference: Tensor,
        reference_rate: int | None = None,
    ) -> Features:
        """Compute the input of the trained part; arguments are as in `score`."""
        level1 = torch.nan_to_num(level1, nan=_LEVEL1_RANGE[1]).clamp(*_LEVEL1_RANGE)
        clean = self.cochlea(reference, audiogram, level1, reference_rate or sample_rate)
        heard = self.cochlea(processed, audiogram, level1, sample_rate)
        frames = min(clean.level.shape[-1], heard.level.shape[-1])
        features: Features = self.comparison(_cut(clean, frames), _cut(heard, frames))
        return features

    def frame_scores(self, features: Features, audiogram: Tensor) -> Tensor:
        """Score frames of 32 ms, ``(B, T)``."""
        scores: Tensor = self.scorer(features, audiogram)
        return scores

    def score(
        self,
        processed: Tensor,
        audiogram: Tensor,
        level1: Tensor,
        sample_rate: int,
        reference: Tensor | None = None,
        reference_rate: int | None = None,
    ) -> Tensor:
        """Score as :meth:`bench.api.Predictor.score` says; the reference is needed."""
        check_shapes(processed, audiogram, level1)
        if reference is None or reference.dim() != 2 or len(reference) != len(processed):
            raise ValueError("HAAQI light compares with a reference (B, M)")
        length = min(
            processed.shape[-1] / sample_rate,
            reference.shape[-1] / (reference_rate or sample_rate),
        )
        if length < SHORTEST:
            raise BenchError(f"HAAQI light needs {SHORTEST} s of sound, and got {length:.3f} s")
        features = self.features(
            processed, audiogram, level1, sample_rate, reference, reference_rate
        )
        return self.frame_scores(features, audiogram).mean(-1)


def _cut(excitation: Excitation, frames: int) -> Excitation:
    return Excitation(
        excitation.level[..., :frames],
        excitation.real[..., :frames],
        excitation.imag[..., :frames],
        excitation.spectrum,
    )


def save_haaqi_light(model: HaaqiLight, path: Path) -> None:
    """Write the trained part in half precision, its sizes in the file's metadata."""
    tensors = {name: value.half().contiguous() for name, value in model.scorer.state_dict().items()}
    save_file(tensors, path, metadata={"config": json.dumps(model.scorer.config)})


def load_haaqi_light(weights: str = BUNDLED) -> HaaqiLight:
    """Load HAAQI light with bundled or own weights, in eval mode and frozen.

    Args:
        weights: "bundled", or a path to a file that ``bench proxy train`` wrote.

    Raises:
        BenchError: the file is missing, damaged or of another model.
    """
    path = BUNDLED_FILE if weights == BUNDLED else Path(weights).expanduser()
    hint = "Use the bundled weights, or train some with: bench proxy train"
    if not path.is_file():
        raise BenchError("no such weights for haaqi-light", where=str(path), hint=hint)
    try:
        with safe_open(path, framework="pt") as file:
            config = json.loads((file.metadata() or {})["config"])
            state = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        model = HaaqiLight(FrameScorer(**config))
        model.scorer.load_state_dict(state)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BenchError(
            f"not the weights of a HAAQI light ({type(error).__name__})",
            where=str(path),
            hint=hint,
        ) from error
    return model.eval().requires_grad_(False)
