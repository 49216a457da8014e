"""Effects, groups and comparisons as sections of a text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from bench.board.schema import PROFILE_METRIC
from bench.leaderboard.comparison import PairOfRuns, settings_that_differ
from bench.leaderboard.effects import Effect
from bench.leaderboard.export import interval
from bench.leaderboard.groups import GroupEffect
from bench.leaderboard.statistics import Comparison, smallest_p
from bench.tables.notebook import Presented, presented
from bench.tables.sections import Section, finite

if TYPE_CHECKING:
    from bench.board.store import Board

EFFECT_WORDS: Final = (
    "Each row compares the runs at a level with those at the reference level that are otherwise "
    "identical (matches), paired by (song, scene, listener) and seed, and averages over the "
    "matches. Intervals are clustered by song, and by listener where there are enough of them; p "
    "is Holm-corrected over the rows. A factor that does not apply to a run, such as the loss of "
    "an untrained system, matches every level."
)

GRADE_WORDS: Final = (
    "Hearing loss is graded by the better ear's average at 0.5, 1, 2 and 4 kHz (WHO 2021): normal "
    "under 20 dB HL, mild from 20, moderate 35, moderately severe 50, severe 65, profound 80, "
    "complete 95; unilateral: normal beside an ear of 35 or more."
)
MEASURE_WORDS: Final = (
    "Differences are paired by (song, scene, listener) over the pairs that both runs have. "
    "Brackets are 95 % intervals clustered by song, and by listener where there are enough of "
    "them. p is from a permutation test with sign flips of whole songs or, with intervals over "
    "listeners, the largest of that, one of whole listeners and Student's t; p holm is "
    "Holm-corrected over the table."
)
SPREAD_WORDS: Final = (
    "Standard deviations of the paired difference A - B: between songs, between listeners, and "
    "residual. d z is the mean difference over the standard deviation of single differences."
)
HEADROOM_WORDS: Final = (
    "How far a system goes from the untouched mixture to the clean stems, both with the gains that "
    "the scene requests: (score - mixture) / (clean stems - mixture), over the pairs of all three."
)


def effects_section(effects: Sequence[Effect]) -> Section:
    """The main effect of each part, as a section."""
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
    least = ("by_seed", "n", "matches", "reference_mean", "mean", "p_holm")
    hidden = () if p_can_matter([e.comparison for e in effects]) else ("p_holm",)
    return Section("Effect of each part", rows, EFFECT_WORDS, least=least, for_programs=hidden)


def p_can_matter(compared: Sequence[Comparison]) -> bool:
    """Whether a p-value corrected over so many comparisons of so many songs can be below .05."""
    songs = max((one.difference.songs for one in compared), default=0)
    return songs > 0 and smallest_p(songs) * len(compared) <= 0.05


def groups_section(groups: Sequence[GroupEffect]) -> Section:
    """Where one system is better than another."""
    rows = tuple(
        {
            "by": one.by,
            "group": one.group,
            "A": finite(one.ours.mean),
            "B": finite(one.theirs.mean),
            **interval("difference", one.comparison.difference),
            "p": finite(one.comparison.p),
            "p_holm": finite(one.p),
            "n": one.comparison.difference.n,
        }
        for one in groups
    )
    least = ("n", "p", "B", "A", "p_holm")
    hidden = () if p_can_matter([one.comparison for one in groups]) else ("p", "p_holm")
    return Section(
        "By hearing loss, ear and genre", rows, GRADE_WORDS, least=least, for_programs=hidden
    )


def comparison_sections(pair: PairOfRuns, most: int = 5) -> list[Section]:
    """One run (A) beside another (B): settings, metrics, groups, the `most` scenes at each end."""
    settings = tuple(
        {"setting": name, "A": ours, "B": theirs}
        for name, ours, theirs in settings_that_differ(pair.ours, pair.theirs)
    )
    measures = measure_rows(pair)
    scenes = tuple(
        {
            "scene": one.scene,
            "song": one.song,
            "A": one.ours,
            "B": one.theirs,
            "difference": one.difference,
            "n": one.n,
        }
        for one in pair.scenes
    )
    if len(scenes) > 2 * most:
        scenes = scenes[:most] + scenes[-most:]
    return [
        Section("What was run differently", settings),
        Section(
            "By metric and part",
            measures,
            MEASURE_WORDS,
            least=("n", "p", "B", "A", "p_holm"),
            for_programs=()
            if p_can_matter([m.comparison for m in pair.measures])
            else ("p", "p_holm"),
        ),
        _spread_section(pair),
        _headroom_section(pair),
        groups_section(pair.groups),
        Section(f"Scenes that differ most ({pair.measures[0].metric})", scenes),
    ]


def measure_rows(pair: PairOfRuns) -> tuple[dict[str, Any], ...]:
    """Both runs by metric and part, with their difference."""
    return tuple(
        {
            "metric": one.metric,
            "part": one.part,
            "A": finite(one.ours.mean),
            "B": finite(one.theirs.mean),
            **interval("difference", one.comparison.difference),
            "p": finite(one.comparison.p),
            "p_holm": finite(one.p),
            "n": one.comparison.difference.n,
        }
        for one in pair.measures
    )


def _spread_section(pair: PairOfRuns) -> Section:
    """Where the variance of the difference comes from, by metric and part."""
    rows = tuple(
        {
            "metric": one.metric,
            "part": one.part,
            "sd_song": finite(one.comparison.spread.song),
            "sd_listener": finite(one.comparison.spread.listener),
            "sd_rest": finite(one.comparison.spread.rest),
            "d_z": finite(one.comparison.spread.effect),
            "listeners": one.comparison.difference.listeners,
            "songs": one.comparison.difference.songs,
        }
        for one in pair.measures
        if one.comparison.spread is not None
    )
    return Section("Where the difference varies", rows, SPREAD_WORDS)


def _headroom_section(pair: PairOfRuns) -> Section:
    found = pair.headroom
    if found is None:
        return Section("Share of the headroom", ())
    row = {
        "metric": pair.measures[0].metric,
        "mixture": found.floor,
        "clean_stems": found.ceiling,
        "A": found.ours,
        "B": found.theirs,
        "difference": found.ours - found.theirs,
        "n": found.n,
    }
    return Section("Share of the headroom", (row,), HEADROOM_WORDS)


@presented.register
def _(pair: PairOfRuns) -> Presented:
    line = f"{pair.ours['label']} minus {pair.theirs['label']}: {comparison_words(pair)[2]}"
    return Presented(line, measure_rows(pair), comparison_sections(pair))


def comparison_words(pair: PairOfRuns) -> list[str]:
    """Who is compared, the difference in a sentence, and what limits it."""
    first = pair.measures[0]
    found = first.comparison.difference
    bounds = "" if math.isnan(found.low) else f" [{found.low:+.3f}, {found.high:+.3f}]"
    p = f", p = {first.comparison.p:.3g}" if p_can_matter([first.comparison]) else ""
    return [
        f"A: {pair.ours['label']} ({pair.ours['run_id']})",
        f"B: {pair.theirs['label']} ({pair.theirs['run_id']})",
        f"{first.metric}: A - B = {found.mean:+.3f}{bounds}{p}, "
        f"n = {found.n} pairs of {found.songs} songs{_listeners(found.listeners)}",
        *(f"- {note}" for note in pair.notes),
    ]


def profile_rows(board: Board, labels: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Seconds per pair by stage of scoring, for each run that has a profile.

    Args:
        board: where the runs are kept.
        labels: what to call each run, by its id.
    """
    rows = {}
    for run_id, label in labels.items():
        scores = board.scores(run_id, metric=PROFILE_METRIC)
        pairs = len(scores[["scene", "listener"]].drop_duplicates())
        if pairs:
            stages = scores.groupby("part", sort=False)["value"].sum() / pairs
            rows[run_id] = {"system": label, **stages, "total": stages.sum(), "pairs": pairs}
    return rows


def _listeners(number: int) -> str:
    return f" and {number} listeners" if number else ""
