"""Write the report: a folder with one page and the leaderboard as CSV and JSON beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd

from bench.board.pairs import PairScores
from bench.board.schema import GAINS_METRIC, PROFILE_METRIC, TIME_METRIC
from bench.board.store import Board
from bench.errors import BenchError
from bench.leaderboard.effects import Effect, main_effects
from bench.leaderboard.export import contrasts_section, render
from bench.leaderboard.headline import validation_of
from bench.leaderboard.model import Column, Leaderboard, Row
from bench.leaderboard.render import (
    bracket,
    clean,
    direction,
    heading,
    headroom_text,
    median_text,
    number,
    p_text,
    rank_text,
)
from bench.leaderboard.summaries import p_can_matter
from bench.leaderboard.table import leaderboard
from bench.report import content, curves, figures
from bench.report.glossary import explained
from bench.report.html import STYLE, fill, write
from bench.report.style import Drawn, swatch, variables
from bench.spec.suite import load_suite, suite_names
from bench.version import __version__

_TEMPLATES: Final = Path(__file__).parent / "templates"


def write_report(
    board: Board,
    out: Path,
    suite: str,
    split: str,
    protocol: str,
    *,
    baseline: str = "",
    contrasts: Sequence[tuple[str, str]] = (),
    hearing_loss_below: float | None = None,
) -> Path:
    """Write the report of one suite, split and protocol of a board.

    Args:
        board: the board.
        out: folder to write, made where it is not there.
        suite: name of the suite.
        split: the split.
        protocol: the reference protocol.
        baseline: row that others are compared with; the suite's own where it is empty.
        contrasts: comparisons named beforehand, as in
            :func:`bench.leaderboard.table.leaderboard`.
        hearing_loss_below: which pairs count, as there.

    Returns:
        The page, ``out / "index.html"``.

    Raises:
        BenchError: there are no such runs, or the folder cannot be written.
    """
    if not baseline and suite in suite_names():
        baseline = load_suite(suite).baseline
    table = leaderboard(
        board,
        suite,
        split,
        protocol,
        baseline=baseline,
        contrasts=contrasts,
        hearing_loss_below=hearing_loss_below,
    )
    if not table.rows:
        what = f"there are no runs of suite {suite}, split {split}, protocol {protocol}"
        raise BenchError(what, where=str(board.path), hint="The existing report is unchanged.")
    page = render_page(board, table)
    try:
        write(out / "leaderboard.csv", render(table, "csv"))
        write(out / "leaderboard.json", render(table, "json"))
        return write(out / "index.html", page)
    except OSError as error:
        raise BenchError(
            f"the report cannot be written: {error.strerror or error}",
            where=str(out),
            hint="Give another folder with --to.",
        ) from error


def render_page(board: Board, table: Leaderboard) -> str:
    """The page as HTML, with all that it needs inside."""
    return fill(
        _TEMPLATES / "report.html.j2",
        styles=(STYLE,),
        scripts=(_TEMPLATES / "report.js",),
        functions={
            "heading": heading,
            "number": number,
            "bracket": bracket,
            "median_text": median_text,
            "rank_text": rank_text,
            "explained": explained,
            "headroom_text": headroom_text,
            "p_text": lambda p: p_text(p) if table.shows_p else "",
            "direction": direction,
            "swatch": swatch,
            "sort_value": _sort_value,
        },
        content={
            "table": table,
            "has_headroom": any(row.headroom is not None for row in table.systems),
            "interval_words": table.interval_words,
            "version": __version__,
            "written": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            "seeds": {
                line.label: [row for row in table.rows if row.system == line.label]
                for line in table.summaries
            },
            "contrasts": contrasts_section(table),
            **_sections(board, table),
        },
    )


def _sections(board: Board, table: Leaderboard) -> Mapping[str, Any]:
    scores = PairScores(board, [str(row.run["run_id"]) for row in table.rows])
    systems = content.systems_of(table)
    logs = content.training_of(board, table.rows)
    shown = content.with_trained(table, systems, logs)
    first = table.columns[0].key if table.columns else ""
    effects = main_effects(board, table, key=first) if first else []
    common, details = content.details(table.rows)
    return {
        "systems": shown,
        "variables": variables({system.mark: system.chosen for system in shown}),
        "marks": {run_id: system.mark for system in shown for run_id in system.runs},
        "line_marks": {system.name: system.mark for system in shown},
        "effects": effects,
        "effects_have_p": p_can_matter([effect.comparison for effect in effects]),
        "figures": _forest(table, scores, systems) | _figures(table, scores, systems, effects),
        "trainings": curves.training_figures(_trainings(table, shown, logs)),
        "failures": content.failures(table),
        "common": common,
        "details": details,
    }


def _trainings(
    table: Leaderboard, systems: Sequence[content.System], logs: Mapping[str, pd.DataFrame]
) -> list[curves.Training]:
    runs = {str(row.run["run_id"]): row.run for row in table.rows}
    found = []
    for system in systems:
        own = {run_id: logs[run_id] for run_id in system.runs if run_id in logs}
        if own:
            first, log = next(iter(own.items()))
            names = validation_of(runs[first], log.columns)
            found.append(curves.Training(system, tuple(own.values()), names))
    return found


def _figures(
    table: Leaderboard,
    scores: PairScores,
    systems: Sequence[content.System],
    effects: Sequence[Effect],
) -> dict[str, Drawn]:
    """The figures that there are values for, by title."""
    if not table.columns:
        return {}
    column = table.columns[0]
    metric, score = column.key, column.title
    own = content.seeds_together(scores.frame(metric), systems)
    groups = {
        "Grades of hearing loss": ("grade of hearing loss", content.by_grade(own, metric)),
        "Ears": ("ear", content.by_ear(own, metric)),
        "Genres": ("genre", content.by_genre(own, metric)),
    }
    by_listener = content.by_listener(own, metric)
    times = scores.frame(TIME_METRIC, PROFILE_METRIC)
    applied = content.seeds_together(scores.frame(GAINS_METRIC), systems)
    shown = {
        "Overview": figures.overview(table, systems, content.song_means(table, scores)),
        "Effect of each part": figures.effects(effects, score),
        "Hearing loss": figures.hearing_loss(by_listener, systems, score),
        **{
            title: figures.groups(values, systems, what, score, column.bounds)
            for title, (what, values) in groups.items()
        },
        "Stems": _stems(table, scores, systems),
        "Time": figures.times(content.stage_times(times), systems),
    }
    for title, beyond in (("Gains", False), ("Gains beyond those requested", True)):
        values = content.learned_gains(applied, table.rows, beyond=beyond)
        shown[title] = figures.gains(values, systems, beyond=beyond)
    return {title: drawn for title, drawn in shown.items() if drawn is not None}


def _forest(
    table: Leaderboard, scores: PairScores, systems: Sequence[content.System]
) -> dict[str, Drawn]:
    """The page's first figure: differences to the baseline."""
    found = content.differences_by_song(table, systems, scores)
    base = next((row.shown for row in table.systems if row.is_baseline), "")
    drawn = figures.forest(found, table.columns[0], clean(base)) if found else None
    return {"Better than the baseline?": drawn} if drawn is not None else {}


def _stems(
    table: Leaderboard, scores: PairScores, systems: Sequence[content.System]
) -> Drawn | None:
    column = content.stem_metric(table)
    if column is None:
        return None
    return figures.stems(
        content.by_stem(content.seeds_together(scores.frame(column.key), systems), column.key),
        systems,
        column,
    )


def _sort_value(row: Row, column: Column) -> str:
    """The value that a table is sorted by; empty where there is no score."""
    value = row.values.get(column.key)
    if value is None:
        return ""
    # Of a column whose best is 0, what is sorted is the distance from it.
    return repr(abs(float(value.mean)) if column.better == 0 else float(value.mean))
