"""Print what several commands share: tables, outcomes, plans."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bench.ablation.matrix import Skipped
    from bench.commands.runs import Plan, RunResult
    from bench.commands.studies import StudyResult
    from bench.leaderboard.model import Leaderboard
    from bench.runs.cost import Cost
    from bench.runs.plan import PlannedRun

Rows = Sequence[Mapping[str, Any]]


def warn_of_plugins() -> None:
    """Warn of plugins that failed to load."""
    from bench.plugins import installed

    for failure in installed().failures:
        click.echo(f"warning: {failure}", err=True)


def print_tables(
    tables: Mapping[str, Rows],
    format: str,
    *,
    err: bool = False,
    least: tuple[str, ...] = (),
    note: str = "",
    decimals: int = 4,
) -> None:
    """Print rows of plain values under their titles; as JSON, rows by title.

    Columns of `least` are left out first where the line is too short; a `note` stands below.
    """
    from bench.tables.markup import json_text
    from bench.tables.sections import Section, finite, render_sections

    if format == "json":
        rows_by_title = {
            title: [
                {key: finite(x) if isinstance(x, float) else x for key, x in row.items()}
                for row in rows
            ]
            for title, rows in tables.items()
        }
        click.echo(json_text(rows_by_title), nl=False, err=err)
        return
    sections = [
        Section(title, tuple(rows), note, decimals=decimals, least=least)
        for title, rows in tables.items()
    ]
    click.echo(render_sections("", sections, format), nl=False, err=err)


def print_protocols(result: RunResult, format: str) -> None:
    """Show each system's headline score under both protocols, side by side."""
    assert result.beside is not None
    tables = {one.leaderboard.protocol: one.leaderboard for one in (result, result.beside)}
    shared = dict.fromkeys(text for table in tables.values() for text in table.shared)
    print_tables(
        {"Under both protocols": protocol_rows(tables)},
        format,
        least=tuple(f"{protocol}_n" for protocol in tables),
        note=" ".join(shared),
    )
    for protocol, table in tables.items():
        click.echo(f"{protocol}: {table.protocol_words}", err=True)
    click.echo("The protocols have different references: neither score is better.", err=True)


def protocol_rows(tables: Mapping[str, Leaderboard]) -> Rows:
    """One row per system: the mean and interval of the first score by protocol."""
    found: dict[str, dict[str, Any]] = {}
    shown = _names_of(tables)
    ends_of = ("", "_low", "_high", "_n")
    columns = [f"{protocol}{end}" for protocol in tables for end in ends_of]
    for protocol, table in tables.items():
        key = table.columns[0].key if table.columns else ""
        for row in table.systems:
            own = {"system": shown.get(row.label, row.label)} | dict.fromkeys(columns)
            values = found.setdefault(row.label, own)
            if key in row.values:
                value = row.values[key]
                ends = (value.mean, value.low, value.high, value.n)
                names = [f"{protocol}{end}" for end in ends_of]
                values |= dict(zip(names, ends, strict=True))
    return list(found.values())


def _names_of(tables: Mapping[str, Leaderboard]) -> dict[str, str]:
    """Names without what all rows share, by label, where the protocols agree on them."""
    each = [{row.label: row.shown for row in table.systems} for table in tables.values()]
    shared = {table.shared for table in tables.values()}
    return (
        {label: name for names in each for label, name in names.items()} if len(shared) == 1 else {}
    )


def print_outcome(result: RunResult | StudyResult) -> None:
    """Print cautions, failures, the report and the board, on standard error."""
    print_cautions(result.runs)
    for run in result.runs:
        _print_failure(run, result)
    beside = getattr(result, "beside", None)
    if beside is not None:
        for run in beside.runs:
            _print_failure(run, beside)
    if result.report is not None:
        click.echo(f"Report: {result.report}", err=True)
    click.echo(f"Board:  {result.board.path}", err=True)
    sys.stdout.flush()


def _print_failure(run: PlannedRun, result: RunResult | StudyResult) -> None:
    """Say why a run stopped or why pairs of it failed, and where the traceback is."""
    from bench.board.failures import failure_words

    outcome = result.outcome
    failures = outcome.failures.get(run.run_id, ())
    if run.run_id in outcome.stopped:
        click.echo(f"failed: {run.spec.label}: {outcome.stopped[run.run_id]}", err=True)
    elif outcome.failed_pairs.get(run.run_id):
        click.echo(f"failed: {run.spec.label}:", err=True)
        for line in failure_words(failures):
            click.echo(f"  {line}", err=True)
    if any(one.traceback for one in failures):
        there = f" --out {result.board.path}"
        click.echo(f"  Traceback: bench show {run.run_id} --failures{there}", err=True)


def print_cautions(runs: Sequence[PlannedRun]) -> None:
    """Print each note and caution of the runs once, on standard error."""
    notes = [note for run in runs for note in (run.spec.note, run.spec.caution) if note]
    for note in dict.fromkeys(notes):
        click.echo(f"note: {note}", err=True)


def print_profile(result: RunResult) -> None:
    """Print seconds per pair by stage on standard error, for the runs that have a profile."""
    from bench.leaderboard.summaries import profile_rows

    rows = profile_rows(result.board, {run.run_id: run.spec.label for run in result.runs})
    for run in result.runs:
        if run.run_id not in rows:
            hint = "it was scored earlier; --fresh scores it again"
            click.echo(f"no profile of {run.spec.label}: {hint}", err=True)
    if rows:
        print_tables({"Seconds per pair, by stage": list(rows.values())}, "table", err=True)


def print_skipped(skipped: Sequence[Skipped], *, err: bool = True) -> None:
    """Say which combinations of an ablation are not run, and why."""
    for one in skipped:
        several = "combination" if one.count == 1 else "combinations"
        click.echo(f"skipped {one.count} {several} of {one.name}: {one.reason}", err=err)


def print_plan(plan: Plan) -> None:
    """Print what one run and its baselines would do."""
    print_cautions(plan.runs)
    first = plan.runs[0].spec
    click.echo(
        f"suite {first.suite}, split {first.split}, protocol {first.protocol}: {plan.pairs} pairs"
    )
    click.echo(f"data {plan.songs}")
    click.echo(f"board {plan.board}")
    for run in plan.runs:
        work = []
        if run.spec.trains:
            settings = run.spec.training
            work.append(
                f"train {settings.epochs} epochs of {settings.segments} segments"
                f" on {run.spec.loss} ({run.epochs} done)"
            )
        done = "all done" if run.scored else f"{run.scenes} done"
        work.append(f"score {plan.scenes} scenes ({done})")
        click.echo(f"  {run.run_id}  {run.spec.label}: {'; '.join(work)}")
    click.echo(cost_words(plan.cost))


def print_ablation(plan: Plan) -> None:
    """Show the matrix of an ablation, and what of it is done and to do."""
    print_cautions(plan.runs)
    first = plan.runs[0].spec
    click.echo(f"suite {first.suite}, split {first.split}, protocol {first.protocol}")
    click.echo(f"data {plan.songs}")
    click.echo(f"board {plan.board}")
    left = [run for run in plan.runs if not run.scored]
    others, there = sum(run.is_baseline for run in plan.runs), len(plan.runs) - len(left)
    click.echo(f"{len(plan.runs)} runs, {others} of them baselines; {there} already scored")
    trained = [run for run in left if run.spec.trains]
    epochs = sum(run.spec.training.epochs - run.epochs for run in trained)
    click.echo(
        f"to do: {len(trained)} trainings, {epochs} epochs in all; {len(left) * plan.pairs} scores "
        f"of (scene, listener) pairs, {plan.pairs} per run"
    )
    click.echo(cost_words(plan.cost))
    for run in plan.runs:
        click.echo(f"  {run.run_id}  {run.spec.label}: {_state(run)}")
    print_skipped(plan.skipped, err=False)


def cost_words(cost: Cost) -> str:
    """Time and disk of what is left to do."""
    lines = []
    if cost.unknown_trainings:
        unknown = ", ".join(cost.unknown_trainings)
        lines.append(f"time: not known here for the training of {unknown}; --calibrate measures it")
    elif cost.trainings:
        several = "1 training" if cost.trainings == 1 else f"{cost.trainings} trainings"
        shared = cost.training_shared < cost.training
        on_cluster = f", {_duration(cost.training_shared)} on {cost.workers} workers of a cluster"
        lines.append(
            f"time: {_duration(cost.training)} for {several}, one at a time"
            f"{on_cluster if shared else ''}"
        )
    if cost.unknown:
        lines.append(f"time: not known here for {', '.join(cost.unknown)}; --calibrate measures it")
        return "\n".join(lines)
    processes = f"{cost.workers} process{'es' if cost.workers > 1 else ''}"
    lines.append(
        f"time: {_duration(cost.seconds)} to score in {processes}; "
        f"disk: {cost.bytes / 1e9:.2g} GB, separated stems included ($BENCH_CACHE_GB limits them)"
    )
    return "\n".join(lines)


def _state(run: PlannedRun) -> str:
    state = "there" if run.scored else "to do"
    if not run.spec.trains:
        return state
    settings = run.spec.training
    work = f"{settings.epochs} epochs of {settings.segments} segments on {run.spec.loss}"
    return f"{state}: train {work} ({run.epochs} done), score"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
