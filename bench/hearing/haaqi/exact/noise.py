"""Threshold noise as the challenge's recipe draws it, number by number.

pyclarity draws from numpy's legacy generator: standard normals for each channel of the reference,
then for each of the processed signal, and then two normals for each channel of each segment that
is heard, which ``melcor9`` multiplies by 0. A second ear that goes on with the same generator thus
starts where the first one ended.

The generator is the Mersenne Twister with the polar method, here in kernels five times as fast as
numpy's. Its state at the start of each channel is found first, by counting; then eight channels
are drawn side by side, for as many samples as are needed next, so that no signal is too long.

Source: M. Matsumoto and T. Nishimura (1998), Mersenne Twister, *ACM TOMACS* 8(1), 3-30; G.
Marsaglia and T. A. Bray (1964), A convenient method for generating normal variables, *SIAM Review*
6(3), 260-264; ``numpy.random.RandomState.standard_normal``.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.hearing.haaqi.parameters import CHANNELS, Integers
from bench.hearing.simd.elementary import exponent, inverse_root, mantissa, polynomial
from bench.hearing.simd.kernel import kernel
from bench.hearing.simd.vector import LANES, aligned, load, store

PART: Final = 1024
"""Samples that are drawn of a channel before the next one's."""
_WORDS: Final = 624
"""Words of 32 bit in the generator's state; each point takes four."""
_AHEAD: Final = 397
_POINTS: Final = (_WORDS + 3) // 4
_ROOM: Final = _POINTS + LANES
_LOG: Final = -2 * float(np.log(2))
_SERIES: Final = polynomial(lambda t: -2 * np.log1p(t) / t, 0.5**0.5 - 1, 2**0.5 - 1, 11)

Words = NDArray[np.uint32]


@njit
def _twist(old, ahead, new, count):  # type: ignore[no-untyped-def]
    for k in range(count):
        y = np.uint32((old[k] & np.uint32(0x80000000)) | (old[k + 1] & np.uint32(0x7FFFFFFF)))
        odd = np.uint32(0) - np.uint32(y & np.uint32(1))
        new[k] = ahead[k] ^ np.uint32(y >> np.uint32(1)) ^ (odd & np.uint32(0x9908B0DF))


@njit
def _renew(keys, old):  # type: ignore[no-untyped-def]
    """Compute the next state from `keys`, in pieces that do not depend on themselves."""
    for k in range(_WORDS):
        old[k] = keys[k]
    behind = _WORDS - _AHEAD
    _twist(old, old[_AHEAD:], keys, behind)
    _twist(old[behind:], keys, keys[behind:], behind)
    _twist(old[2 * behind :], keys[behind:], keys[2 * behind :], _WORDS - 1 - 2 * behind)
    old[_WORDS] = keys[0]
    _twist(old[_WORDS - 1 :], keys[_AHEAD - 1 :], keys[_WORDS - 1 :], 1)


@njit
def _temper(keys, first, words):  # type: ignore[no-untyped-def]
    source = keys[first:]
    for k in range(_WORDS - first):
        y = source[k]
        y ^= np.uint32(y >> np.uint32(11))
        y ^= np.uint32(y << np.uint32(7)) & np.uint32(0x9D2C5680)
        y ^= np.uint32(y << np.uint32(15)) & np.uint32(0xEFC60000)
        y ^= np.uint32(y >> np.uint32(18))
        words[k] = y


@njit
def _points(keys, position, old, words, points):  # type: ignore[no-untyped-def]
    """Draw the points that the state still holds, or those of the next one where it has none.

    Returns:
        their number, and the place of the first one's first word in `keys` as they are now: below
        0 where it was in the state before.
    """
    left = _WORDS - position
    _temper(keys, position, words)
    if left < 4:
        _renew(keys, old)
        _temper(keys, 0, words[left:])
        position = -left
        left += _WORDS
    count = left // 4
    x, y, square = points
    for i in range(count):
        a, b = np.int64(words[4 * i] >> 5), np.int64(words[4 * i + 1] >> 6)
        c, d = np.int64(words[4 * i + 2] >> 5), np.int64(words[4 * i + 3] >> 6)
        x[i] = 2.0 * ((a * 67108864.0 + b) / 9007199254740992.0) - 1.0
        y[i] = 2.0 * ((c * 67108864.0 + d) / 9007199254740992.0) - 1.0
        square[i] = x[i] * x[i] + y[i] * y[i]
    return count, position


@njit
def _inside(square):  # type: ignore[no-untyped-def]
    """Whether a point lies in the unit circle, and so gives two normals."""
    return (square < 1.0) & (square != 0.0)


@kernel
def _advance(keys, position, held, count, old, words, points):  # type: ignore[no-untyped-def]
    """Go on by `count` normals.

    Args:
        keys: the generator's words, changed in place.
        position: of the next word in `keys`.
        held: the second normal of the last point where that is still to come, else NaN.
        count: of normals.
        old: room for words.
        words: room for words.
        points: room for :func:`_points`.

    Returns:
        `position` and `held` afterwards.
    """
    if count and held == held:
        held = np.nan
        count -= 1
    x, _, square = points
    while count > 0:
        some, start = _points(keys, position, old, words, points)
        found = np.int64(0)
        for i in range(some):
            found += np.int64(_inside(square[i]))
        if 2 * found < count:
            count -= 2 * found
            position = start + 4 * some
            continue
        i = 0
        while count > 0:
            if _inside(square[i]):
                count -= 2
                if count < 0:
                    held = sqrt(-2.0 * log(square[i]) / square[i]) * x[i]
            i += 1
        position = start + 4 * i
    return position, held


@njit(inline="always")
def _factor(r):  # type: ignore[no-untyped-def]
    """sqrt(-2 ln(r) / r), to 1e-9: the normals are kept in single precision."""
    t = mantissa(r) - 1.0
    s = t * t
    even = _SERIES[10] * s + _SERIES[8]
    odd = _SERIES[11] * s + _SERIES[9]
    even = even * s + _SERIES[6]
    odd = odd * s + _SERIES[7]
    even = even * s + _SERIES[4]
    odd = odd * s + _SERIES[5]
    even = even * s + _SERIES[2]
    odd = odd * s + _SERIES[3]
    even = even * s + _SERIES[0]
    odd = odd * s + _SERIES[1]
    logarithm = (odd * t + even) * t + _LOG * exponent(r)
    return logarithm * inverse_root(logarithm * r)


@njit
def _draw(keys, position, out, at, old, words, points):  # type: ignore[no-untyped-def]
    """Write the normals of the next points to ``out[at:]``; returns `position` and the end."""
    some, start = _points(keys, position, old, words, points)
    x, y, square = points
    for i in range(0, some, LANES):
        factor = _factor(load(square, i))
        store(x, i, factor * load(x, i))
        store(y, i, factor * load(y, i))
    for i in range(some):  # without a branch, which would be mispredicted in a fifth of cases
        out[at] = y[i]
        out[at + 1] = x[i]
        at += 2 * np.int64(_inside(square[i]))
    return start + 4 * some, at


@kernel
def _fill(  # type: ignore[no-untyped-def]
    keys, positions, ready, counts, first, samples, start, stop, table, old, words, points
):
    """Write the noise of eight channels for samples `start` to `stop`, at most PART.

    Args:
        keys: of the eight generators, ``(8, 624)``.
        positions: in them, ``(8,)``.
        ready: normals that have been drawn and not been used, ``(8, ...)``.
        counts: how many these are, ``(8,)``.
        first: each channel's first sample that is not delayed away, ``(8,)``; zeros before it.
        samples: of the signal; zeros behind it.
        start: to be called for consecutive parts.
        stop: end of the part.
        table: ``(rows, 8)``, rows a power of two: sample n goes to row n modulo rows.
        old: room for words.
        words: room for words.
        points: room for :func:`_points`.
    """
    mask = table.shape[0] - 1
    for k in range(LANES):
        begin = min(max(start, first[k]), stop)
        end = max(min(stop, samples), begin)
        while counts[k] < end - begin:
            positions[k], counts[k] = _draw(
                keys[k], positions[k], ready[k], counts[k], old, words, points
            )
        for n in range(start, begin):
            table[n & mask, k] = 0.0
        for n in range(begin, end):
            table[n & mask, k] = ready[k, n - begin]
        for n in range(end, stop):
            table[n & mask, k] = 0.0
        counts[k] -= end - begin
        for i in range(counts[k]):
            ready[k, i] = ready[k, end - begin + i]


@dataclass(frozen=True, eq=False)
class _State:
    """A legacy generator's state: its words, the place of the next one, and a normal held back."""

    keys: Words
    position: int
    held: float

    @classmethod
    def of(cls, generator: np.random.RandomState) -> _State:
        state: Any = generator.get_state(legacy=False)
        if state["bit_generator"] != "MT19937":
            hint = "Give numpy.random.RandomState(seed)."
            raise BenchError("is not numpy's legacy generator", where="draws", hint=hint)
        held = float(state["gauss"]) if state["has_gauss"] else np.nan
        return cls(np.array(state["state"]["key"], np.uint32), int(state["state"]["pos"]), held)

    def give(self, generator: np.random.RandomState) -> None:
        """Bring `generator` to this state."""
        known = self.held == self.held
        generator.set_state(
            ("MT19937", self.keys, self.position, int(known), self.held if known else 0.0)
        )

    def equals(self, other: _State) -> bool:
        """Whether both give the same numbers."""
        held = (self.held, other.held)
        return (
            self.position == other.position
            and (held[0] == held[1] or all(map(np.isnan, held)))
            and np.array_equal(self.keys, other.keys)
        )

    def after(self, count: int) -> _State:
        """Return the state after `count` normals."""
        keys = self.keys.copy()
        position, held = _advance(keys, self.position, self.held, count, *_words(), _places())
        return _State(keys, position, held)


def _words() -> tuple[Words, Words]:
    return np.zeros(_WORDS + 4, np.uint32), np.zeros(_WORDS + 4, np.uint32)


def _places() -> tuple[NDArray[np.float64], ...]:
    return tuple(np.ones(_ROOM) for _ in range(3))


class RecipeNoise:
    """The noise that pyclarity draws for a reference and a processed signal.

    Args:
        generator: as it is before the first draw; it is left alone.
        samples: of either signal.

    Raises:
        BenchError: the generator is not numpy's legacy one.
    """

    def __init__(self, generator: np.random.RandomState, samples: int) -> None:
        self.samples = samples
        self._starts = [_State.of(generator)]
        for _ in range(2 * CHANNELS):
            self._starts.append(self._starts[-1].after(samples))

    def starts_as(self, generator: np.random.RandomState) -> bool:
        """Whether the noise is what `generator` would give."""
        return self._starts[0].equals(_State.of(generator))

    def finish(self, generator: np.random.RandomState, segments: int) -> None:
        """Bring `generator` to where pyclarity leaves it, with so many segments that are heard."""
        ignored = 2 * CHANNELS * segments if segments > 1 else 0
        self._starts[-1].after(ignored).give(generator)

    def group(self, number: int, group: int, first: Integers, rows: int) -> GroupNoise:
        """The noise of a group of channels of signal `number`, 0 being the reference."""
        channel = number * CHANNELS + group * LANES
        return GroupNoise(self._starts[channel : channel + LANES], first, self.samples, rows)


class GroupNoise:
    """The noise of eight channels, drawn as it is needed.

    Args:
        states: the generator's at the start of each channel.
        first: each channel's first sample that is not delayed away, ``(8,)``.
        samples: of the signal.
        rows: that are needed at a time, a power of two.
    """

    def __init__(self, states: list[_State], first: Integers, samples: int, rows: int) -> None:
        self.table = aligned(rows, np.float32)
        self._first, self._samples, self._drawn = first, samples, 0
        self._keys = np.stack([state.keys for state in states])
        self._positions = np.array([state.position for state in states])
        self._ready = np.zeros((LANES, PART + 2 * _ROOM), np.float32)
        held = np.array([state.held for state in states])
        known = ~np.isnan(held)
        self._ready[known, 0] = held[known]
        self._counts = known.astype(np.int64)
        self._room = (*_words(), _places())

    def draw(self, stop: int) -> None:
        """Draw the noise of the samples up to `stop`."""
        while self._drawn < stop:
            end = min(self._drawn + PART, stop)
            _fill(
                self._keys, self._positions, self._ready, self._counts, self._first, self._samples,
                self._drawn, end, self.table, *self._room,
            )  # fmt: skip
            self._drawn = end
