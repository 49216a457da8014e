"""An at-mic file made block by block: what the recipe computes of whole signals, bit for bit.

A song of four minutes takes some 170 MB as two channels of float64, and the recipe holds half a
dozen of them at once. Here the source is read in blocks, and only the filtered signal of the file
in hand is kept, as its gain is known when all of it has been measured.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyloudnorm
import soundfile
from scipy.signal import lfilter

from bench.data.audio import AudioFile
from bench.data.generate.at_mic import Signal, apply_hrtf, to_int16
from bench.errors import BenchError
from bench.runtime.files import replacing


class LoudnessMeter:
    """Integrated loudness (BS.1770) of a signal that comes in blocks; pyloudnorm's, bit for bit.

    Args:
        frames: samples a channel that will come.
        sample_rate: Hz.
        channels: one or two.

    Raises:
        BenchError: that is less than 0.4 s.
    """

    def __init__(self, frames: int, sample_rate: int, channels: int = 2) -> None:
        meter = pyloudnorm.Meter(sample_rate)
        self._rate, self._block = sample_rate, meter.block_size
        self._step = 1.0 - meter.overlap
        if frames < self._block * sample_rate:
            raise BenchError(f"{frames / sample_rate:.3f} s is too short for integrated loudness")
        seconds = frames / sample_rate
        self._count = int(np.round((seconds - self._block) / (self._block * self._step))) + 1
        self._stages = list(meter._filters.values())
        self._states = np.zeros((len(self._stages), channels, 2))
        self._tail = np.empty((0, channels))
        self._first = 0
        self._energies: list[list[float]] = []

    def add(self, block: Signal) -> None:
        """Measure the next samples, ``(n, channels)``."""
        weighted = block.copy()
        for stage, states in zip(self._stages, self._states, strict=True):
            for channel in range(weighted.shape[1]):
                filtered, states[channel] = lfilter(
                    stage.b, stage.a, weighted[:, channel], zi=states[channel]
                )
                weighted[:, channel] = stage.passband_gain * filtered
        self._tail = np.concatenate([self._tail, weighted])
        while len(self._energies) < self._count and self._stop() <= self._first + len(self._tail):
            self._measure()
        keep = max(0, min(self._start() - self._first, len(self._tail)))
        self._tail, self._first = self._tail[keep:], self._first + keep

    def lufs(self) -> float:
        """The loudness of all blocks so far, LUFS; -inf where no gating block is above -70 LUFS."""
        while len(self._energies) < self._count:  # the last ones reach past the end
            self._measure()
        # In the order of pyloudnorm's operations: another order rounds otherwise.
        energies = np.array(self._energies).T
        with np.errstate(divide="ignore", invalid="ignore"):
            levels = -0.691 + 10.0 * np.log10([np.sum(list(e)) for e in energies.T])
            loud = levels >= -70.0
            if not loud.any():
                return float("-inf")
            mean = [np.mean(list(channel[loud])) for channel in energies]
            relative = -0.691 + 10.0 * np.log10(np.sum(mean)) - 10.0
            gated = (levels > relative) & (levels > -70.0)
            if not gated.any():
                return float("-inf")
            mean = [np.mean(list(channel[gated])) for channel in energies]
            return float(-0.691 + 10.0 * np.log10(np.sum(np.nan_to_num(mean))))

    def _start(self) -> int:
        return int(self._block * (len(self._energies) * self._step) * self._rate)

    def _stop(self) -> int:
        return int(self._block * (len(self._energies) * self._step + 1) * self._rate)

    def _measure(self) -> None:
        piece = self._tail[self._start() - self._first : self._stop() - self._first]
        scale = 1.0 / (self._block * self._rate)
        self._energies.append([scale * np.sum(np.square(channel)) for channel in piece.T])


def measure(path: Path) -> float:
    """Integrated loudness of an audio file, LUFS; -inf for silence.

    Raises:
        BenchError: it cannot be read, or is shorter than 0.4 s.
    """
    with AudioFile(path) as file:
        meter = LoudnessMeter(file.header.frames, file.header.sample_rate, file.header.channels)
        for block in file.blocks():
            meter.add(block)
    return meter.lufs()


def write_at_mic(
    source: Path, target: Path, left: Signal, right: Signal, wanted: float, sample_rate: int
) -> bool:
    """Write one file of an at-mic sample, 16 bit, in one step; False where it is silent.

    Args:
        source: what the loudspeakers play.
        target: the file to write; its folder is made.
        left: impulse responses of the left loudspeaker, ``(taps, 2)``, left ear then right.
        right: the same of the right loudspeaker.
        wanted: integrated loudness of `source`, LUFS; -inf where it is silent.
        sample_rate: Hz.

    Raises:
        BenchError: the source cannot be read.
        OSError: the target cannot be written.
    """
    blocks: list[Signal] = []
    history = np.empty((0, 2))
    with AudioFile(source) as file:
        meter = LoudnessMeter(file.header.frames, sample_rate)
        for block in file.blocks():
            joined = np.concatenate([history, block])
            blocks.append(apply_hrtf(joined, left, right)[len(history) :])
            history = joined[max(0, len(joined) - max(len(left), len(right)) + 1) :]
            meter.add(blocks[-1])
    measured = meter.lufs()
    sounds = bool(np.isfinite(measured) and np.isfinite(wanted))
    # As pyloudnorm.normalize.loudness(signal, measured, measured + (wanted - measured)).
    delta = measured + (wanted - measured) - measured if sounds else 0.0
    gain = np.power(10.0, delta / 20.0) if sounds else 0.0
    with (
        replacing(target) as draft,
        soundfile.SoundFile(draft, "w", sample_rate, 2, subtype="PCM_16", format="WAV") as file,
    ):
        for block in blocks:
            file.write(to_int16(gain * block))
    return sounds
