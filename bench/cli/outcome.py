"""What is said when runs have ended: what failed, and where the report and the board are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bench.board.store import Board
    from bench.runs.execute import Outcome
    from bench.runs.plan import PlannedRun


def say_outcome(runs: Sequence[PlannedRun], outcome: Outcome, board: Board, report: bool) -> None:
    """Name what failed; write the report if it is wanted. All on standard error."""
    for run in runs:
        if run.run_id in outcome.stopped:
            click.echo(f"failed: {run.spec.label}: {outcome.stopped[run.run_id]}", err=True)
        elif outcome.failed_pairs.get(run.run_id):
            count = outcome.failed_pairs[run.run_id]
            click.echo(f"failed: {run.spec.label}: {count} pairs, see the report", err=True)
    if report:
        from bench.report.page import write_report

        spec = runs[0].spec
        page = write_report(board, board.path / "report", spec.suite, spec.split, spec.protocol)
        click.echo(f"Report: {page}", err=True)
    click.echo(f"Board:  {board.path}", err=True)
