"""Notes on a leaderboard: what a reader must know before relying on it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.api import GainsSpec
from bench.board.failures import failure_words
from bench.board.rules import late_rules
from bench.data.song_names import current_words
from bench.errors import first_few
from bench.leaderboard.intervals import FEWEST_LISTENERS, FEWEST_SONGS
from bench.leaderboard.published import published_value
from bench.leaderboard.statistics import smallest_p
from bench.plugins import installed
from bench.spec.suite import load_suite, suite_names

if TYPE_CHECKING:
    from bench.leaderboard.model import Leaderboard, Row


UNREADABLE: Final = "A file of the board cannot be read"
"""The beginning of the note about a damaged file."""
_NAMED: Final = 6
"""Most systems, listeners or prescriptions that a note names."""


def board_notes(
    table: Leaderboard,
    baseline: str,
    hidden: int,
    no_better: Sequence[str],
    damaged: Mapping[Path, str],
) -> tuple[str, ...]:
    """The notes of a leaderboard.

    Args:
        table: the leaderboard.
        baseline: the row to compare with.
        hidden: older runs of the same configurations, which are not shown.
        no_better: rows whose training kept the initial weights.
        damaged: files of the board that could not be read, with the reason.
    """
    return (
        *_about_rows(table),
        *(
            f"{label}: no epoch of its training improved the true score on the validation songs, "
            "so the untrained system is scored."
            for label in no_better
        ),
        *_about_verifications(table),
        *_about_counts(table),
        *_about_rules(table),
        *_about_comparisons(table, baseline),
        *_about_provenance(table, hidden),
        *(f"{UNREADABLE}: {path}: {why}." for path, why in damaged.items()),
    )


def _about_rows(table: Leaderboard) -> Iterator[str]:
    for row in table.rows:
        if row.unranked_reason:
            hint = f" {_traceback_hint(row)}" if _failed_as_a_whole(row) else ""
            yield f"{row.shown} is not ranked: {row.unranked_reason}{hint}."
    blind = [row for row in table.systems if _is_blind(str(row.run["gains"]))]
    if blind and table.protocol == "challenge":
        labels = first_few([row.shown for row in blind], _NAMED)
        strategies = first_few(list(dict.fromkeys(str(row.run["gains"]) for row in blind)), _NAMED)
        yield (
            f"{labels}: the gain strategy {strategies} sees the audiogram but not the gains that "
            "the scene requests, so under this protocol it is expected to lose to one that sees "
            "both; the shared-gains protocol does not judge gains."
        )


def _is_blind(gains: str) -> bool:
    """Whether a strategy learns its gains without knowing those that a scene requests."""
    spec = installed().spec_of(GainsSpec, gains)
    return spec is not None and spec.trainable and not spec.reads_request


def _about_verifications(table: Leaderboard) -> Iterator[str]:
    for row in table.rows:
        about = row.verification
        if about is not None:
            when, by = f"{about['when']:%Y-%m-%d}", about["by"]
            found = "the scores agree" if about["agrees"] else "the scores DISAGREE"
            yield (
                f"{row.label}: {_count(about['pairs'], 'pair')} (a share of {about['share']:.2g}) "
                f"scored again by {by} on {when}: {found}; the largest difference is "
                f"{about['difference']:.3g}."
            )


def _about_counts(table: Leaderboard) -> Iterator[str]:
    scored = [row for row in table.rows if row.n]
    most = max((row.n for row in scored), default=0)
    fewer = [f"{row.shown} ({row.n})" for row in scored if row.n < most]
    if fewer:
        yield (
            f"n differs: up to {most} pairs, fewer for {first_few(fewer, _NAMED)}. A mean is over "
            "the pairs of its row, a difference over the pairs that both rows have."
        )
    for row in table.rows:
        if row.n_failed and not _failed_as_a_whole(row):
            yield from _about_failures(row)
        expected = row.run["n_pairs"]
        ended = row.run["status"] in ("done", "failed-scenes")
        known = row.n + row.n_excluded + row.n_failed
        if ended and expected and known < expected:
            missing = _count(int(expected) - known, "pair")
            yield f"{row.shown}: {missing} of {int(expected)} are not scored."
    if table.saturated:
        listeners = {listener for _, listener in table.saturated}
        heard = first_few(sorted(listeners), _NAMED)
        yield (
            f"{_count(len(table.saturated), 'pair')} of {most} do not distinguish the systems: all "
            f"rows are within 0.01 of each other there ({heard}). This happens "
            "with profound hearing loss, for which HAAQI is low whatever the system."
        )


def _about_failures(row: Row) -> Iterator[str]:
    told = "; ".join(failure_words(row.failures))
    yield f"{row.shown}: {_count(row.n_failed, 'pair')} failed: {told} {_traceback_hint(row)}."


def _failed_as_a_whole(row: Row) -> bool:
    """Whether the reason why the run failed already names every cause of its failed pairs."""
    whole = str(row.run.get("failure") or "")
    failed = row.run["status"] == "failed" and row.failures
    return bool(failed) and all(failure.reason in whole for failure in row.failures)


def _traceback_hint(row: Row) -> str:
    return f"(bench show {row.run['run_id']} --failures)"


def _about_rules(table: Leaderboard) -> Iterator[str]:
    """Which pairs count, and whether that rule and the contrasts were fixed before the scores."""
    limit = table.rules.hearing_loss_below
    rows = [row for row in table.rows if row.n or row.n_excluded]
    if limit is not None:
        excluded = max((row.n_excluded for row in rows), default=0)
        counted = max((row.n for row in rows), default=0)
        yield (
            f"The suite excludes listeners whose better ear averages {limit:g} dB HL or more: "
            f"{_count(excluded, 'pair')} of {counted + excluded} are scored and kept, but do not "
            f"count; {counted} do."
        )
    yield from late_rules(table.rules, [row.run for row in rows])


def _about_comparisons(table: Leaderboard, baseline: str) -> Iterator[str]:
    compared: list[Row] = [row for row in table.systems if row.difference is not None]
    if baseline and not table.baseline and table.rows:
        yield f"The baseline '{baseline}' is not on this board, so nothing is compared with it."
    if not baseline and len(table.systems) > 1 and table.suite not in suite_names():
        yield (
            "No baseline is known, so there are no differences: give the suite's file (--suite "
            "FILE.toml), or bench leaderboard --baseline NAME."
        )
    if len({row.reference for row in table.rows if row.n}) > 1:
        yield (
            "The rows have different references (through their gains or prescriptions), so there "
            "are no ranks, and only rows with the baseline's reference are compared with it."
        )
    if table.songs == 1:
        yield "All scores are of one song, so there are no intervals and no ranking."
    elif 0 < table.songs < FEWEST_SONGS:
        yield (
            f"With {table.songs} songs there are no intervals: the spread between songs cannot be "
            "estimated from two (with one degree of freedom, Student's t interval reaches 12.7 "
            "standard errors to either side)."
        )
    elif compared and smallest_p(table.songs) > 0.05:
        yield (
            f"With {table.songs} songs no p-value can be below {smallest_p(table.songs):.3g}, "
            "however large the difference; use the intervals instead."
        )
    yield from _about_listeners(table)
    yield from _about_contrasts(table)
    yield from _about_published(table)
    several = [row for row in table.summaries if len(row.seeds) < FEWEST_SONGS]
    if several:
        labels = first_few([row.shown for row in several], _NAMED)
        yield f"{labels}: two seeds are too few for an interval over seeds."


def _about_listeners(table: Leaderboard) -> Iterator[str]:
    first = table.columns[0].key if table.columns else ""
    values = [row.values[first] for row in table.rows if first in row.values]
    given = [value for value in values if value.for_these_listeners]
    if given:
        most = max(value.listeners for value in given)
        yield (
            f"The intervals hold for these {most} listeners only: they are too few, or hear too "
            "few songs each, to estimate how scores vary between listeners (from "
            f"{FEWEST_LISTENERS} listeners on who hear 2 songs each on average, intervals are over "
            "songs and listeners)."
        )


def _about_published(table: Leaderboard) -> Iterator[str]:
    """The published value of a baseline of the suite that has other weights on this board."""
    suite = load_suite(table.suite) if table.suite in suite_names() else None
    named = suite.baseline_options if suite is not None and suite.protocol == table.protocol else {}
    for row in table.rows:
        separator = str(row.run["separator"])
        wanted = named.get(separator)
        if suite is None or not wanted or not row.is_baseline or _has_options(row, wanted):
            continue
        said = ", ".join(f"{key}={value}" for key, value in wanted.items())
        value = published_value(
            suite.published.get(separator, ""), table.suite, table.split, table.protocol
        )
        was = f", whose published HAAQI is {value:.4f}" if value else ""
        yield (
            f"{row.shown} is not the suite's baseline, {separator} with {said}{was}: "
            f"bench run --suite {table.suite} -o baseline.separator.{said.partition(', ')[0]}"
        )


def _has_options(row: Row, wanted: Mapping[str, object]) -> bool:
    try:
        options = json.loads(str(row.run["spec_json"]))["separator"]["options"]
    except (ValueError, KeyError, TypeError):
        return True
    return all(options.get(key, value) == value for key, value in wanted.items())


def _about_contrasts(table: Leaderboard) -> Iterator[str]:
    if not table.contrasts:
        return
    yield (
        f"p-values are given for the {_count(len(table.contrasts), 'contrast')} named beforehand "
        "only, Holm-corrected over them."
    )
    for one in table.contrasts:
        if one.comparison is None:
            yield f"The contrast of '{one.ours}' with '{one.theirs}' lacks a row on this board."


def _about_provenance(table: Leaderboard, hidden: int) -> Iterator[str]:
    songs = list(dict.fromkeys(str(row.run.get("songs") or "") for row in table.comparable))
    if any(songs):
        yield f"The data: {' or '.join(dict.fromkeys(map(current_words, filter(None, songs))))}."
    if hidden:
        runs = "1 older run of the same configurations is"
        runs = runs if hidden == 1 else f"{hidden} older runs of the same configurations are"
        yield f"{runs} not shown."
    codes = {row.run["code_hash"] for row in table.rows if row.n}
    if len(codes) > 1:
        yield (
            f"The rows were computed by {len(codes)} versions of bench's code, so a difference "
            "between two rows may be partly one of code: bench board verify RUN shows whether this "
            "version reproduces the scores of a run."
        )
    yield from _about_metrics(table)
    prescriptions = {str(row.run["prescription"]) for row in table.rows if row.n}
    if len(prescriptions) > 1:
        yield f"The rows use different prescriptions: {first_few(sorted(prescriptions), _NAMED)}."


def _about_metrics(table: Leaderboard) -> Iterator[str]:
    """Which metrics are computed in more than one way, by their options."""
    ways: dict[str, dict[str, None]] = {}
    for row in table.rows:
        if row.n:
            for name, way in _metric_options(row.run).items():
                ways.setdefault(name, {})[way] = None
    for name, several in ways.items():
        if len(several) > 1:
            yield f"{name} is not computed alike in all rows: {' or '.join(sorted(several))}."


def _metric_options(run: Mapping[str, Any]) -> dict[str, str]:
    """The options of a run's metrics in words, by the metric's name."""
    try:
        metrics = json.loads(run["spec_json"] or "{}").get("metrics", [])
        return {
            metric["name"]: ", ".join(f"{k}={v}" for k, v in metric["options"].items())
            for metric in metrics
        }
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}  # a board of somebody else's: what it says is not ours to judge


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
