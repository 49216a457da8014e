"""A multi-band limiter with look-ahead, differentiable in the signal and in its settings.

The signal is split into bands by linear-phase filters that sum to a delay. In each band, and in
frames of about 1 ms,

    over[n]   = max(0, level[n] - threshold),  level: the band's peak in the frame, dB re full scale
    wanted[n] = amount * the greatest over[n] .. over[n + look-ahead]
    r[n]      = r[n-1] + c (wanted[n] - r[n-1]),  c of the attack where wanted rises, else release

with r[0] = wanted[0], and the band is lowered by r dB, between frames by straight lines. c is
1 - exp(-frame / time). The look-ahead begins a reduction before the peak that calls for it.

Source: Giannoulis, Massberg and Reiss (2012), Digital Dynamic Range Compressor Design, JAES 60(6),
399-408 (log-domain gain, branching smoother); the adjoint is this project's.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from bench.hearing.fitting.equaliser import equalise, order
from bench.hearing.simd.kernel import kernel

CENTRES: Final = (250.0, 800.0, 2500.0, 8000.0)
"""Hz; centres of the bands. Between two of them the share of each is linear in log frequency."""
FRAME: Final = 1e-3
"""Seconds."""
ATTACK: Final = 0.003
RELEASE: Final = 0.05
LOOK_AHEAD: Final = 0.006
THRESHOLD: Final = -3.0
"""dB re full scale. These defaults were chosen by HAAQI on songs of the demo."""
_FLOOR: Final = 1e-6
"""Full scale; the least peak that has a level."""


def split(signal: Tensor, sample_rate: int) -> Tensor:
    """Split ``(..., N)`` into bands ``(..., 4, N)`` that sum to it.

    Example:
        >>> signal = torch.randn(2, 3000, dtype=torch.float64)
        >>> bool(torch.allclose(split(signal, 44_100).sum(-2), signal))
        True
    """
    bank = torch.from_numpy(_bank(sample_rate)).to(signal.device)
    return equalise(signal[..., None, :], bank)


def frame_length(sample_rate: int) -> int:
    """Find the samples of a frame: about 1 ms, and a whole number of frames in a second.

    So a signal is limited alike from every whole second on.

    Example:
        >>> frame_length(44_100), frame_length(32_000)
        (45, 32)
    """
    length = max(1, round(FRAME * sample_rate))
    while sample_rate % length:
        length += 1
    return length


def limit(
    signal: Tensor,
    thresholds: Tensor,
    attack: Tensor,
    release: Tensor,
    sample_rate: int,
    *,
    look_ahead: float,
    amount: Tensor | None = None,
) -> Tensor:
    """Limit each band of ``(..., N)``.

    Args:
        signal: full scale 1.0.
        thresholds: dB re full scale, ``(..., 4)``.
        attack: seconds, ``(..., 4)`` or what broadcasts to it; above 0.
        release: likewise.
        sample_rate: Hz.
        look_ahead: seconds.
        amount: part of the excess that is taken away, ``(..., 4)``, 0 to 1; all of it where None.

    Returns:
        As `signal`, in its type.

    Example:
        >>> tone = 10 * torch.sin(torch.arange(44_100) * 0.1).double()
        >>> settings = [torch.tensor(value).double().expand(4) for value in (-6.0, 0.001, 0.1)]
        >>> limited = limit(tone, *settings, 44_100, look_ahead=0.005)
        >>> bool(limited[1000:-1000].abs().max() < 1.2)
        True
    """
    bands = split(signal, sample_rate)
    hop = frame_length(sample_rate)
    frame = hop / sample_rate
    frames = -(-signal.shape[-1] // hop)
    rows = bands.flatten(0, -2)
    padded = functional.pad(rows.abs(), (0, frames * hop - rows.shape[-1]))
    level = 20 * padded.reshape(len(rows), frames, hop).amax(-1).double().clamp_min(_FLOOR).log10()

    def setting(value: Tensor) -> Tensor:
        return value.double().expand(bands.shape[:-1]).flatten()

    over = (level - setting(thresholds)[:, None]).clamp_min(0.0)
    ahead = round(look_ahead / frame)
    wanted = functional.max_pool1d(functional.pad(over, (0, ahead)), ahead + 1, 1)
    if amount is not None:
        wanted = wanted * setting(amount)[:, None]
    rates = (1 - torch.exp(-frame / setting(time)) for time in (attack, release))
    reduction: Tensor = _Follower.apply(wanted, *rates)  # type: ignore[no-untyped-call]
    gain = torch.pow(10.0, -reduction / 20)
    # Frame n's value holds in its middle.
    smooth = functional.interpolate(gain[:, None], size=frames * hop, mode="linear")[:, 0]
    limited = rows * smooth[:, : rows.shape[-1]].to(rows.dtype)
    return limited.reshape(bands.shape).sum(-2)


class _Follower(torch.autograd.Function):
    """The smoothed reduction, ``(rows, frames)`` float64; the branch that is taken is constant."""

    @staticmethod
    def forward(ctx: Any, wanted: Tensor, attack: Tensor, release: Tensor) -> Tensor:
        own = [x.detach().cpu().contiguous() for x in (wanted, attack, release)]
        reduction = torch.empty_like(own[0])
        _follow(*(x.numpy() for x in own), reduction.numpy())
        ctx.save_for_backward(*own, reduction)
        return reduction.to(wanted.device)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        wanted, attack, release, reduction = ctx.saved_tensors
        found = torch.empty_like(wanted), torch.zeros_like(attack), torch.zeros_like(release)
        given = (wanted, attack, release, reduction, upstream.cpu().contiguous(), *found)
        _follow_adjoint(*(x.numpy() for x in given))
        by_wanted, by_attack, by_release = (x.to(upstream.device) for x in found)
        return by_wanted, by_attack, by_release


@kernel
def _follow(wanted: Any, attack: Any, release: Any, reduction: Any) -> None:
    for row in range(len(wanted)):
        # As if it had heard the beginning before.
        value = wanted[row, 0]
        for n in range(wanted.shape[1]):
            rate = attack[row] if wanted[row, n] > value else release[row]
            value += rate * (wanted[row, n] - value)
            reduction[row, n] = value


@kernel
def _follow_adjoint(
    wanted: Any,
    attack: Any,
    release: Any,
    reduction: Any,
    upstream: Any,
    by_wanted: Any,
    by_attack: Any,
    by_release: Any,
) -> None:
    """What later values owe to this one, backwards in time."""
    for row in range(len(wanted)):
        owed = 0.0
        for n in range(wanted.shape[1] - 1, 0, -1):
            owed += upstream[row, n]
            difference = wanted[row, n] - reduction[row, n - 1]
            if difference > 0:
                rate = attack[row]
                by_attack[row] += owed * difference
            else:
                rate = release[row]
                by_release[row] += owed * difference
            by_wanted[row, n] = owed * rate
            owed *= 1.0 - rate
        by_wanted[row, 0] = owed + upstream[row, 0]


@lru_cache(maxsize=8)
def _bank(sample_rate: int) -> NDArray[np.float64]:
    """Filters of the bands, ``(4, order + 1)``: they sum to 1 at every frequency."""
    taps = order(sample_rate)
    size = 4 * taps
    frequencies = np.log(np.maximum(np.arange(size // 2 + 1) * sample_rate / size, 1.0))
    shares = [np.interp(frequencies, np.log(CENTRES), row) for row in np.eye(len(CENTRES))]
    whole = np.fft.irfft(np.stack(shares), n=size)
    centred: NDArray[np.float64] = np.roll(whole, taps // 2, axis=-1)[..., : taps + 1]
    return centred * np.hanning(taps + 1)
