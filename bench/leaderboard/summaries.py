"""Effects, groups and comparisons as sections of a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bench.leaderboard.effects import Effect
from bench.leaderboard.sections import Section, finite, interval

EFFECT_WORDS: Final = (
    "Each row compares the runs of a level with those of the reference level that are equal in all "
    "else (matches), paired by (song, scene, listener) and seed, and averages over them. Intervals "
    "are clustered by song; p is corrected by Holm over the rows; what does not apply to a run "
    "(the loss of one that trains nothing) equals everything."
)


def effects_section(effects: Sequence[Effect]) -> Section:
    """What each part brought."""
    rows = tuple(
        {
            "factor": effect.factor,
            "level": effect.level,
            "reference": effect.reference,
            **interval("difference", effect.comparison.difference),
            "p_holm": finite(effect.p),
            "mean": finite(effect.mean.mean),
            "reference_mean": finite(effect.reference_mean.mean),
            "matches": effect.matches,
            "n": effect.comparison.difference.n,
            "by_seed": ", ".join(f"{value:+.3f}" for _, value in effect.by_seed),
        }
        for effect in effects
    )
    return Section("What each part brought", rows, EFFECT_WORDS)
