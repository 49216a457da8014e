"""Where the time of scoring went, as a small table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bench.board.store import Board
    from bench.runs.plan import PlannedRun


def show_profile(board: Board, runs: Sequence[PlannedRun]) -> None:
    """Print seconds a pair by stage and run on standard error, for the runs that have them."""
    from bench.board.schema import PROFILE_METRIC
    from bench.cli.tables import echo_sections

    rows = []
    for run in runs:
        scores = board.scores(run.run_id, metric=PROFILE_METRIC)
        pairs = len(scores[["scene", "listener"]].drop_duplicates())
        if not pairs:
            hint = "it was scored before; --fresh scores it anew"
            click.echo(f"no profile of {run.spec.label}: {hint}", err=True)
            continue
        stages = (scores.groupby("part", sort=False)["value"].sum() / pairs).round(4)
        rows.append({"system": run.spec.label, **stages, "total": stages.sum(), "pairs": pairs})
    if rows:
        echo_sections({"Seconds a pair, by stage": rows}, "table", err=True)
