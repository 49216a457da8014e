"""The scorer of one processed signal after another against one prepared reference."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from clarity.utils.audiogram import Audiogram
from numpy.typing import NDArray
from scipy import signal

from bench.errors import BenchError
from bench.hearing.haaqi import index, parameters
from bench.hearing.haaqi.exact.alignment import BulkAligner, audible_span, shifted
from bench.hearing.haaqi.exact.covariance import scratch, tiles
from bench.hearing.haaqi.exact.ear import Ear, SlidingChannels
from bench.hearing.haaqi.exact.gammatone import GROUPS
from bench.hearing.haaqi.exact.haircells import BLOCK, HOP, smoothed
from bench.hearing.haaqi.exact.lags import SLACK, STEP, LagSearch, Window
from bench.hearing.haaqi.exact.noise import RecipeNoise
from bench.hearing.haaqi.parameters import (
    CHANNELS,
    COVARIANCE_WINDOW,
    ENVELOPE_WINDOW,
    MAX_LAG,
    SAMPLE_RATE,
    Floats,
)
from bench.hearing.nalr import HAAQI_ORDER, nalr_taps
from bench.hearing.simd.vector import LANES, aligned

WHOLE: Final = 3 << 19
"""Samples up to which a group's channels are held for the whole signal, some 250 bytes each; of a
longer signal they are computed twice, in windows."""
WINDOW: Final = 8 * STEP
KEPT_CHANNELS: Final = 1 << 19
"""Samples up to which a kept reference holds its channels, 512 bytes each."""
KEPT_MOTION: Final = 1 << 21
"""Samples up to which a kept reference holds its motion, 128 bytes each."""
NOISE: Final = 1 << 20
_NOISE_SEED: Final = 20_150_219


@cache
def _noise_table() -> NDArray[np.float32]:
    """Draw standard normal noise, which all signals share from different places on."""
    return np.random.default_rng(_NOISE_SEED).standard_normal(NOISE, dtype=np.float32)


@dataclass(frozen=True)
class HaaqiResult:
    """A score and its components, each 1 where the two signals are equal.

    Attributes:
        score: HAAQI, 0 to 0.999.
        cepstral_correlation: of the envelopes' modulations from 20 to 125 Hz.
        bm_sync_covariance: of the basilar membrane's motion, weighted by synchrony.
        d_loud: the change of the long-term spectrum.
        d_norm: the change of the spectrum relative to itself.
    """

    score: float
    cepstral_correlation: float
    bm_sync_covariance: float
    d_loud: float
    d_norm: float


_PIECE: Final = 64
"""Blocks whose noise is drawn at a time; it then is still in the cache when it is read."""
_ROWS: Final = 1 << (_PIECE * BLOCK - 1).bit_length()


@dataclass
class _GroupMemory:
    """One group of the reference's channels, as far as it is kept for further signals."""

    channels: SlidingChannels | None = None
    motion: NDArray[np.float32] | None = None


class _Workspace:
    """Buffers of one score; used again, because fresh memory costs as much as arithmetic."""

    def __init__(self, window: int, pad: int) -> None:
        self.search = LagSearch()
        self.processed = SlidingChannels(window, pad)
        self.scratch = scratch()
        self.heard = aligned(2 * BLOCK)


class Scorer:
    """A reference of a certain length, and the score of processed signals of the same length.

    Args:
        reference: at 24 kHz, ``(samples,)``.
        levels: hearing loss in dB HL at AUDIOGRAM_FREQUENCIES, ``(6,)``.
        level1: dB SPL that an RMS of 1.0 stands for.
        equalisation: 1 where NAL-R is yet to be added to the reference, 2 where it has been.
        keep: whether more than one signal will be scored.

    Raises:
        BenchError: the reference is silent, or lasts less than 16 ms between its first and its
            last sound.
    """

    def __init__(
        self,
        reference: Floats,
        levels: Floats,
        level1: float,
        equalisation: int,
        keep: bool,
    ) -> None:
        if not reference.any():
            raise BenchError("is silent", where="reference", hint="Score an excerpt with sound.")
        self.samples = reference.size
        self._aligner = BulkAligner(reference)
        self._span = slice(*audible_span(reference))
        audible = reference[self._span]
        self._length = audible.size
        if self._length < COVARIANCE_WINDOW:
            raise BenchError(
                f"lasts {1000 * self._length / SAMPLE_RATE:.1f} ms; HAAQI needs 16 ms of sound",
                where="reference",
                hint="Score a longer excerpt.",
            )
        self._level1 = level1
        self._cochlea = parameters.cochlea(levels)
        if equalisation == 1:
            audible = _with_nalr(audible, levels)
        self._ear = Ear(audible, self._cochlea, level1)
        self._delays = parameters.group_delays(self._ear.bandwidth).reshape(GROUPS, LANES)
        self._pad = MAX_LAG + int(self._delays.max()) + SLACK
        self._window = self._length if self._length <= WHOLE else WINDOW
        self._tiles = parameters.segments(self._length, COVARIANCE_WINDOW)
        self._hops = parameters.segments(self._length, ENVELOPE_WINDOW)
        self._blocks = max(self._tiles, -(-self._hops * HOP // BLOCK))
        self._keep_channels = keep and self._length <= KEPT_CHANNELS
        self._keep_motion = keep and self._length <= KEPT_MOTION
        self._kept: list[_GroupMemory] = []
        self._kept_noise: RecipeNoise | None = None
        self._spare: list[_Workspace] = []
        self._heard: NDArray[np.bool_] | None = None
        self._modulations: Floats | None = None
        self._lock = threading.Lock()

    def evaluate(
        self, processed: Floats, generator: np.random.RandomState | None = None
    ) -> HaaqiResult:
        """Score `processed` ``(samples,)``, at 24 kHz.

        With a `generator` the threshold noise is what pyclarity draws from it, and it is left as
        pyclarity leaves it.
        """
        moved = shifted(processed, self._aligner.delay(processed))[self._span]
        ear = Ear(moved, self._cochlea, self._level1)
        noise = None if generator is None else self._recipe_noise(generator)
        result = self._with_memory(ear, noise)
        if noise is not None and generator is not None and self._heard is not None:
            noise.finish(generator, int(self._heard.sum()))
        return result

    def _recipe_noise(self, generator: np.random.RandomState) -> RecipeNoise:
        """The noise that `generator` gives: the kept one where that started alike."""
        known = self._kept_noise
        if known is not None and known.starts_as(generator):
            return known
        return RecipeNoise(generator, self._length)

    def _with_memory(self, ear: Ear, noise: RecipeNoise | None) -> HaaqiResult:
        # One thread alone computes what is kept of the reference, with its own signal.
        with self._lock:
            if not self._kept:
                kept = [_GroupMemory() for _ in range(GROUPS)]
                result = self._evaluate(ear, kept, noise)
                if self._keep_channels or self._keep_motion:
                    self._kept, self._kept_noise = kept, noise
                return result
        if noise is self._kept_noise:
            return self._evaluate(ear, self._kept, noise)
        # The reference's motion has noise in it; its channels have none yet.
        channels = [_GroupMemory(channels=memory.channels) for memory in self._kept]
        return self._evaluate(ear, channels, noise)

    def _evaluate(
        self, ear: Ear, kept: list[_GroupMemory], noise: RecipeNoise | None
    ) -> HaaqiResult:
        envelope = np.zeros((2, self._hops, CHANNELS))
        covariance = np.zeros((3, self._tiles, CHANNELS))
        try:
            space = self._spare.pop()
        except IndexError:
            space = _Workspace(self._window, self._pad)
        shared = None if self._keep_channels else SlidingChannels(self._window, self._pad)
        for group in range(GROUPS):
            lanes = slice(group * LANES, (group + 1) * LANES)
            x = kept[group].channels or shared or SlidingChannels(self._window, self._pad)
            if kept[group].channels is None:
                x.begin(self._ear, group)
            results = self._group(group, x, ear, kept[group], space, noise)
            envelope[:, :, lanes], covariance[:, :, lanes] = results
        self._spare.append(space)
        cepstral = self._cepstral_correlation(*envelope)
        power, processed_power, peak = covariance
        normalised = index.normalised_covariance(peak, power, processed_power)
        sync = float(index.sync_covariance(normalised, power))
        linear = index.spectral_differences(self._ear.levels(), ear.levels())
        score = index.combine(cepstral, sync, *linear)
        return HaaqiResult(score, cepstral, sync, *linear)

    def _cepstral_correlation(self, reference: Floats, processed: Floats) -> float:
        if self._heard is None:
            self._heard = index.heard(reference)
            if np.count_nonzero(self._heard) > 1:
                self._modulations = index.modulations(reference[self._heard])
        if self._modulations is None:
            return 0.0
        distorted = index.modulations(processed[self._heard])
        return float(index.cepstral_correlation(self._modulations, distorted))

    def _group(
        self,
        group: int,
        x: SlidingChannels,
        ear: Ear,
        kept: _GroupMemory,
        space: _Workspace,
        noise: RecipeNoise | None,
    ) -> tuple[Floats, Floats]:
        """Compute envelopes ``(2, hops, 8)`` and covariances ``(3, tiles, 8)`` of one group."""
        y = space.processed
        y.begin(ear, group)

        def windows() -> Iterator[Window]:
            for start in range(0, self._length, self._window):
                x.move(start)
                y.move(start)
                stop = min(start + self._window, self._length)
                yield Window(start, stop, self._pad, x.arrays, y.arrays)

        lags = space.search.lags(windows, self._length)
        fresh = kept.motion is None
        rows = self._blocks * BLOCK if self._keep_motion else 2 * BLOCK
        motion = kept.motion
        if motion is None:
            motion = aligned(rows, np.float32, zeroed=False)
        first = self._delays[group]
        smooth = np.zeros((2, 2, self._hops, LANES))
        states = np.zeros((2, 2, LANES))
        drawn = [] if noise is None else [noise.group(k, group, first, _ROWS) for k in range(2)]
        if drawn:
            noises = [(one.table.ravel(), 0) for one in drawn]
        else:
            noises = [_from_table(2 * group + k) for k in range(2)]
        out = np.zeros((3, self._tiles, LANES))
        for window in windows():
            row = window.row - window.start - first
            ended = window.stop == self._length
            blocks = (
                window.start // BLOCK,
                self._blocks if ended else window.stop // BLOCK,
            )
            hair = self._ear.haircell_rows[group], ear.haircell_rows[group]
            shifts = np.stack((row, row)), row + lags
            reference, other = (
                (source, shifts[k], hair[k], states[k], *noises[k], smooth[k])
                for k, source in enumerate((window.x, window.y))
            )
            gain = parameters.noise_amplitude(self._level1)
            for piece in _pieces(blocks) if drawn else [blocks]:
                for one in drawn if fresh else drawn[1:]:
                    one.draw(piece[1] * BLOCK)
                tiles(
                    piece,
                    first,
                    reference,
                    other,
                    gain,
                    motion,
                    fresh,
                    space.heard,
                    space.scratch,
                    out,
                )
        if self._keep_channels:
            kept.channels = x
        if self._keep_motion:
            kept.motion = motion
        return np.stack([smoothed(sums) for sums in smooth]), out


def _from_table(number: int) -> tuple[NDArray[np.float32], int]:
    """Return the table of noise, and where one of its users starts to read it."""
    return _noise_table(), number * NOISE // (2 * GROUPS)


def _pieces(blocks: tuple[int, int]) -> list[tuple[int, int]]:
    """Cut a range of blocks."""
    return [(start, min(start + _PIECE, blocks[1])) for start in range(*blocks, _PIECE)]


def _with_nalr(samples: Floats, levels: Floats) -> Floats:
    audiogram = Audiogram(levels, np.array(parameters.AUDIOGRAM_FREQUENCIES))
    taps = nalr_taps(audiogram, SAMPLE_RATE, HAAQI_ORDER)
    equalised: Floats = signal.oaconvolve(samples, taps)[HAAQI_ORDER : HAAQI_ORDER + samples.size]
    return equalised
