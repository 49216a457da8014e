"""Chunks that a mixture is separated in, and their cross-fades."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.errors import BenchError

if TYPE_CHECKING:
    from torch import Tensor

SHORTEST: Final = 0.1
"""Seconds of a chunk, at least."""
RECIPE_OVERLAP: Final = 0.1
"""Seconds; with it a chunk that is alone fades out at its end, as the official recipe's does."""


def check_chunks(segment: float, overlap: float) -> None:
    """Refuse chunks that do not add up to the whole.

    Args:
        segment: length of a chunk, before it is lengthened, s; 0 for the weights' own length.
        overlap: cross-fade, s, and by how much of its length a chunk is longer.

    Raises:
        BenchError: a chunk is too short, or shorter than its cross-fade.
    """
    if segment and segment < SHORTEST:
        what = f"chunks of {segment:g} s are too short"
        hint = f"Give {SHORTEST:g} s or more, or 0 for the length that suits the weights."
        raise BenchError(what, where="option 'segment'", hint=hint)
    if segment and overlap > segment * (1 + overlap):
        what = f"a cross-fade of {overlap:g} s is longer than a chunk of {segment:g} s"
        raise BenchError(what, where="options 'segment' and 'overlap'")


def window(start: int, end: int, length: int, fade: int, *, lone_fades: bool) -> Tensor:
    """The window of a chunk: with those of its neighbours it adds up to 1.

    Args:
        start: where the chunk begins without its fade-in, samples.
        end: where it ends.
        length: of the mixture.
        fade: length of a cross-fade; the chunk begins so much before `start`, but not before 0.
        lone_fades: whether a chunk that is alone fades out at its end.
    """
    import torch

    samples = end - max(0, start - fade)
    shape = torch.ones(samples)
    if start:
        shape[:fade] *= torch.linspace(0, 1, fade)
    if end < length or (lone_fades and not start and length > fade):
        shape[samples - fade :] *= torch.linspace(1, 0, fade)
    return shape
