"""HAAQI with a gradient: a score, and an objective to train by.

The value is that of the exact model. The gradient by the processed signal is true to everything
continuous: the filters and their level-dependent bandwidths, compression, adaptation, correlations.
Decisions are constants: alignment lags, the lag at which a covariance is greatest, and which
segments count as silent.

HAAQI can be gamed. A free waveform that climbs the gradient suits the model and not the ear: from
music in noise at 6.0 dB SDR, 150 steps raised the true score from 0.48 to 0.97
and the SDR to 6.8 dB. So train with it what cannot do that (gains, an equaliser), or add another
loss, and log SDR beside it.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torchaudio.transforms import Resample

from bench.errors import BenchError
from bench.hearing.haaqi import parameters as p
from bench.hearing.haaqi.gradient.ear import EarModel, UnscorableReference

__all__ = ["DifferentiableHaaqi", "UnscorableReference", "to_model_rate"]

_WHERE: Final = "differentiable HAAQI"


@cache
def _resampler(sample_rate: int) -> Any:
    # As steep as resampy's kaiser_best: flat to 11.3 kHz, which is all that the ear model hears.
    return Resample(
        sample_rate,
        p.SAMPLE_RATE,
        resampling_method="sinc_interp_kaiser",
        lowpass_filter_width=64,
        rolloff=0.9475937167399596,
        beta=14.769656459379492,
        dtype=torch.float64,
    )


def to_model_rate(signals: Tensor, sample_rate: int) -> Tensor:
    """Resample ``(..., samples)`` from `sample_rate` (Hz) to 24 kHz, float64; differentiable."""
    signals = signals.double()
    if sample_rate == p.SAMPLE_RATE:
        return signals
    resampled: Tensor = _resampler(sample_rate).to(signals.device)(signals)
    return resampled


class _EarScore(Function):
    """The score of one ear. Its gradient is computed with it, so that no graph is kept."""

    @staticmethod
    def forward(ctx: Any, processed: Tensor, model: EarModel, sample_rate: int) -> Tensor:
        with torch.enable_grad():
            leaf = processed.detach().requires_grad_()
            score = model.score(to_model_rate(leaf, sample_rate))
            (gradient,) = torch.autograd.grad(score, leaf)
        ctx.save_for_backward(gradient)
        return score.detach()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return grad.to(gradient) * gradient, None, None


def _score(processed: Tensor, model: EarModel, sample_rate: int) -> Tensor:
    with _full_precision(processed):
        if not (processed.requires_grad and torch.is_grad_enabled()):
            return model.score(to_model_rate(processed, sample_rate))
        score: Tensor = _EarScore.apply(  # type: ignore[no-untyped-call]
            processed, model, sample_rate
        )
        return score


def _full_precision(signal: Tensor) -> torch.autocast:
    """Keep a training run's mixed precision out of the model."""
    return torch.autocast(signal.device.type, enabled=False)


class DifferentiableHaaqi:
    """HAAQI of processed signals against kept references, differentiable in the former.

    Each ear is scored and differentiated on its own, so that memory does not grow with the batch.
    Signals at another rate than 24 kHz are first resampled accurately, as the official scorer does;
    pyclarity's own resampling inside the model, which rounds rates to whole kHz, is not imitated.

    Args:
        reference: ``(ears, samples)``, full scale 1.0. Its dtype and device are those of the model:
            float32 is within 1e-5 of the exact score, float64 is for checks.
        audiograms: dB HL ``(ears, 6)`` at 250, 500, 1000, 2000, 4000 and 6000 Hz.
        sample_rate: Hz.
        level1: dB SPL that an RMS of 1.0 stands for, ``(ears,)`` or one for all.
        equalisation: 2 where the reference is amplified already, 1 to amplify it by NAL-R here.

    Raises:
        UnscorableReference: a reference is silent, or has less than 16 ms between its first and
            last audible sample.
        BenchError: shapes that do not match, NaN or infinite samples.

    Source:
        Kates and Arehart (2016), The Hearing-Aid Audio Quality Index (HAAQI), IEEE/ACM TASLP 24(2),
        354-365; the gradient is this project's.
    """

    def __init__(
        self,
        reference: Tensor,
        audiograms: Tensor | ArrayLike,
        sample_rate: int,
        level1: Tensor | ArrayLike = p.DEFAULT_LEVEL,
        *,
        equalisation: int = 2,
    ) -> None:
        levels = np.asarray(torch.as_tensor(audiograms).cpu(), dtype=np.float64)
        if reference.ndim != 2 or levels.shape != (len(reference), len(p.AUDIOGRAM_FREQUENCIES)):
            raise BenchError(
                f"reference {tuple(reference.shape)} and audiograms {levels.shape} do not match",
                where=_WHERE,
                hint="Give (ears, samples) and (ears, 6).",
            )
        calibration = np.broadcast_to(torch.as_tensor(level1).cpu(), len(reference))
        self.shape, self.sample_rate = tuple(reference.shape), sample_rate
        with _full_precision(reference):
            ears = to_model_rate(_checked(reference.detach()), sample_rate)
            self.models = [
                EarModel(ear, levels[i], float(calibration[i]), equalisation, reference.dtype)
                for i, ear in enumerate(ears)
            ]

    def score(self, processed: Tensor) -> Tensor:
        """Score `processed`, ``(ears, samples)`` like the reference: ``(ears,)``.

        Silence has a score and a gradient of zeros.

        Raises:
            BenchError: another shape than the reference's; NaN or infinite samples.
        """
        if tuple(processed.shape) != self.shape:
            raise BenchError(
                f"processed {tuple(processed.shape)} does not match reference {self.shape}",
                where=_WHERE,
            )
        pairs = zip(_checked(processed), self.models, strict=True)
        return torch.stack([_score(*pair, self.sample_rate) for pair in pairs]).to(processed.dtype)


def _checked(signals: Tensor) -> Tensor:
    if not torch.isfinite(signals).all():
        raise BenchError("NaN or infinite samples", where=_WHERE)
    return signals
