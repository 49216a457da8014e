"""The output of a system, as a listener's ears or the challenge's files receive it.

Source: ``recipes.cad_icassp_2024.baseline.enhance`` of pyclarity 0.9.0.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import soxr
import torch
from torch import Tensor

from bench.runtime.memory import empty

OUTPUT_RATE: Final = 32_000
"""Hz; the sample rate of an output."""


def to_output(amplified: Tensor, sample_rate: int) -> Tensor:
    """Amplified ears ``(2, N)`` as an output ``(2, M)`` at OUTPUT_RATE, float64.

    Resampled (soxr HQ), clipped to [-1, 1] and truncated to 16 bit, as in the challenge's FLAC
    files; FLAC itself loses nothing, so it is not written here.

    Example:
        >>> to_output(torch.zeros(2, 44_100, dtype=torch.float64), 44_100).shape
        torch.Size([2, 32000])
    """
    ears = [
        to_pcm(soxr.resample(ear.numpy(), sample_rate, OUTPUT_RATE, quality="HQ"))
        for ear in amplified
    ]
    output = empty((len(ears), len(ears[0])), torch.float64)
    for row, pcm in zip(output, ears, strict=True):
        row.copy_(torch.from_numpy(pcm)).div_(32768.0)
    return output


def to_pcm(samples: npt.NDArray[np.floating[npt.NBitBase]]) -> npt.NDArray[np.int16]:
    """Samples clipped to [-1, 1] and truncated to 16 bit; the input is overwritten.

    Example:
        >>> to_pcm(np.array([0.0, 0.5, -2.0, 2.0])).tolist()
        [0, 16384, -32768, 32767]
    """
    np.clip(samples, -1.0, 1.0, out=samples)
    samples *= 32768.0
    np.clip(samples, -32768.0, 32767.0, out=samples)
    return samples.astype(np.int16)
