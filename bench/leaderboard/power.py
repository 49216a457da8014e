"""The number of songs and listeners that a study needs to detect a difference.

The variance of a paired difference's mean over G songs that each of H listeners hears once is

    song^2 / G + listener^2 / H + rest^2 / (G H),

with the standard deviations between songs, between listeners and of the rest, estimated from the
differences on a board. A difference is detected where Student's t, with Satterthwaite's degrees of
freedom, gives p of 0.05 or less; the noncentral t distribution says how often that happens.

Sources: Cohen (1988), Statistical power analysis for the behavioral sciences, chapter 2;
Satterthwaite (1946), Biometrics Bulletin 2(6).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bench.leaderboard.intervals import FEWEST_SONGS, quantile
from bench.leaderboard.model import Leaderboard
from bench.leaderboard.statistics import LEVEL, Spread
from bench.spec.defaults import DEFAULT_LISTENERS, DEFAULT_POWER
from bench.tables.sections import Section, finite

MOST_SONGS: Final = 10_000
WORDS: Final = (
    "Songs needed to detect the difference (p of 0.05 or less) in {share:.0%} of studies in which "
    "each listener hears each song once; a dash where so few listeners cannot reach that with any "
    "number of songs. Power here is that of a study with the songs, listeners and pairs of this "
    "board. The standard deviations are those of the row's paired difference to {baseline}, "
    "{title}."
)


@dataclass(frozen=True)
class Need:
    """The songs needed with a number of listeners; None where no number of songs is enough."""

    listeners: int
    songs: int | None


@dataclass(frozen=True)
class Plan:
    """What it takes to detect a difference that varies like that of one row to the baseline.

    Attributes:
        label: of the row.
        spread: standard deviations of its difference to the baseline.
        songs: songs that the board has.
        listeners: listeners that the board has.
        seen: the share of studies of the board's size that would detect the difference.
        needs: by number of listeners.
    """

    label: str
    spread: Spread
    songs: int
    listeners: int
    seen: float
    needs: tuple[Need, ...]


def plans(
    table: Leaderboard,
    *,
    detect: float = 0.01,
    share: float = DEFAULT_POWER,
    listeners: Sequence[int] = DEFAULT_LISTENERS,
) -> Iterator[Plan]:
    """Plan for each row that is compared with the baseline and varies, from its own spread.

    Args:
        table: the leaderboard.
        detect: the true difference, in the unit of the first column.
        share: of studies that are to see it.
        listeners: numbers of listeners to plan for, beside the board's.
    """
    for row in table.systems:
        spread = row.difference.spread if row.difference else None
        if row.difference is None or spread is None or not (spread.song or spread.rest):
            continue
        here = row.difference.difference
        numbers = sorted({*listeners, *([here.listeners] if here.listeners > 1 else [])})
        needs = tuple(Need(n, songs_needed(spread, n, detect, share)) for n in numbers)
        seen = power_of(spread, here.songs, max(here.listeners, 2), detect, pairs=here.n)
        yield Plan(row.label, spread, here.songs, here.listeners, seen, needs)


def power_of(
    spread: Spread, songs: int, listeners: int, detect: float, *, pairs: int | None = None
) -> float:
    """The share of studies that detect a true difference, given numbers of songs and listeners.

    Args:
        spread: standard deviations of the difference.
        songs: number of songs.
        listeners: number of listeners.
        detect: the true difference.
        pairs: differences in all; each listener hears each song once where None.
    """
    from scipy.stats import nct

    song, rest = spread.song**2 / songs, spread.rest**2 / (pairs or songs * listeners)
    heard = 0.0 if math.isnan(spread.listener) else spread.listener**2 / listeners
    variance = song + heard + rest
    if variance <= 0.0:
        return 1.0
    freedom = _freedom(song, heard, rest, songs, listeners)
    reach, shift = quantile(LEVEL, freedom), abs(detect) / math.sqrt(variance)
    seen = float(nct.sf(reach, freedom, shift) + nct.cdf(-reach, freedom, shift))
    # scipy's noncentral t gives NaN far out, where all is seen.
    return 1.0 if math.isnan(seen) else seen


def songs_needed(spread: Spread, listeners: int, detect: float, share: float) -> int | None:
    """The least number of songs whose power is `share`; None where MOST_SONGS are not enough."""
    low, high = FEWEST_SONGS - 1, MOST_SONGS
    if power_of(spread, high, listeners, detect) < share:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if power_of(spread, middle, listeners, detect) < share:
            low = middle
        else:
            high = middle
    return high


def power_section(
    found: Sequence[Plan], table: Leaderboard, detect: float, share: float = DEFAULT_POWER
) -> Section:
    """Plans as a table: standard deviations, then the songs needed for each number of listeners."""
    title = table.columns[0].title if table.columns else ""
    shown = {row.label: row.shown for row in table.systems}
    rows = tuple(
        {
            "system": shown[plan.label],
            "label": plan.label,
            "sd_song": finite(plan.spread.song),
            "sd_listener": finite(plan.spread.listener),
            "sd_rest": finite(plan.spread.rest),
            "power_here": finite(plan.seen),
            **{f"with_{need.listeners}": need.songs for need in plan.needs},
        }
        for plan in found
    )
    baseline = shown.get(table.baseline, table.baseline)
    words = WORDS.format(share=share, baseline=baseline, title=title)
    numbers = {f"with_{need.listeners}": None for plan in found for need in plan.needs}
    return Section(
        f"Songs needed to detect a difference of {detect:g}, by listeners",
        rows,
        " ".join([*table.shared, words]),
        least=("sd_rest", "sd_listener", "sd_song", *[*numbers][:0:-1], "power_here"),
        for_programs=("label",),
    )


def _freedom(song: float, heard: float, rest: float, songs: int, listeners: int) -> float:
    """Satterthwaite's degrees of freedom, as in :mod:`bench.leaderboard.intervals`."""
    if heard <= 0.0:
        return songs - 1.0
    parts = (song + rest, heard + rest, rest)
    each = (songs - 1, listeners - 1, (songs - 1) * (listeners - 1))
    spread = sum(part**2 / one for part, one in zip(parts, each, strict=True))
    return min(max((song + heard + rest) ** 2 / spread, min(each[:2])), sum(each[:2]))
