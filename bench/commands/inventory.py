"""Runs and suites: ``bench runs``, ``bench show`` and ``bench suites``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.errors import BenchError, suggest

if TYPE_CHECKING:
    import pandas as pd

    from bench.board.failures import Failure
    from bench.board.store import Board
    from bench.spec.suite import Suite

LISTED: Final = (
    *("run_id", "label", "suite", "split", "protocol", "status", "seed", "epochs"),
    *("n_pairs", "n_failed", "created"),
)
"""Columns of a run that a list shows."""


@dataclass(frozen=True)
class RunDetails:
    """Everything that a board keeps of a run.

    Attributes:
        board: folder of the board.
        row: the columns of the table `runs`, by name.
        means: by metric and part: ``metric``, ``part``, ``mean``, ``n`` (pairs with a score).
        scene: the scores of the scene that was named; empty where none was.
        failures: why pairs failed, each cause once.
        weights: of its training, None where it trained nothing or they are not here.
        listening: the page on which a listening folder of the board has it, None without one.
    """

    board: Path
    row: Mapping[str, Any]
    means: Sequence[Mapping[str, Any]]
    scene: Sequence[Mapping[str, Any]]
    failures: Sequence[Failure]
    weights: Path | None
    listening: Path | None

    @property
    def run_id(self) -> str:
        """Its id."""
        return str(self.row["run_id"])


def list_runs(
    out: Path | str | None = None, *, suite: str | Path = "", where: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """The runs of a board, oldest first: ``bench runs``.

    Args:
        out: folder of the board, or one above or below it; ``leaderboards/SUITE`` by default.
        suite: whose board; needed only without `out`.
        where: conditions that must all hold, as ``"separator=hdemucs*"`` or ``"status!=done"``.

    Raises:
        BenchError: there is no such board, or a condition is wrong.
    """
    from bench.board.conditions import parse_conditions
    from bench.commands.boards import open_board

    conditions = parse_conditions(where)
    rows: list[dict[str, Any]] = _plain(open_board(out, suite).runs())
    return [row for row in rows if all(one.holds(row) for one in conditions)]


def show_run(
    run: str, out: Path | str | None = None, *, suite: str | Path = "", scene: str = ""
) -> RunDetails:
    """Everything that a board keeps of a run: ``bench show``.

    Args:
        run: its id, label, or name on a leaderboard.
        out: folder of the board, or one above or below it; ``leaderboards/SUITE`` by default.
        suite: whose board; needed only without `out`.
        scene: a scene whose numbers are wanted.

    Raises:
        BenchError: there is no such board, run or scene.
    """
    from bench.board.failures import failures_of
    from bench.board.layout import BEST, checkpoint_folder
    from bench.commands.boards import row_on_board

    board, row = row_on_board(run, suite, out)
    run_id = str(row["run_id"])
    scores = board.scores(run_id)
    weights = checkpoint_folder(board.path, run_id) / BEST
    return RunDetails(
        board=board.path,
        row=row,
        means=_means(scores),
        scene=_of_scene(scores, scene) if scene else (),
        failures=failures_of(scores),
        weights=weights if weights.is_file() else None,
        listening=_listening(board, run_id),
    )


def list_suites() -> list[Suite]:
    """The suites that come with bench: ``bench suites``."""
    from bench.spec.suite import load_suite, suite_names

    return [load_suite(name) for name in suite_names()]


def _means(scores: pd.DataFrame) -> list[dict[str, Any]]:
    from bench.board.schema import PROFILE_METRIC, TIME_METRIC

    kept = scores[
        (scores["status"] == "ok") & ~scores["metric"].isin([TIME_METRIC, PROFILE_METRIC])
    ]
    grouped = kept.groupby(["metric", "part"], sort=False)["value"]
    means = grouped.agg(["mean", "size"]).reset_index()
    return [
        {"metric": r["metric"], "part": r["part"], "mean": float(r["mean"]), "n": int(r["size"])}
        for r in means.to_dict("records")
    ]


def _of_scene(scores: pd.DataFrame, scene: str) -> list[dict[str, Any]]:
    own = scores[scores["scene"] == scene]
    if own.empty:
        known = sorted(set(scores["scene"]))
        hint = suggest(scene, known) if len(known) < 20 or not known else _close(scene, known)
        raise BenchError(f"the run has no scene '{scene}'", where="--scene", hint=hint)
    columns = ["listener", "metric", "part", "value", "status", "reason"]
    return _plain(own[columns])


def _close(scene: str, known: Sequence[str]) -> str:
    hint = suggest(scene, list(known))
    return hint if hint.startswith("Did") else f"It has {len(known)}, as {known[0]}."


def _listening(board: Board, run_id: str) -> Path | None:
    from bench.board.layout import listening_folder

    page = listening_folder(board.path) / "index.html"
    try:
        return page if run_id in page.read_text(encoding="utf-8") else None
    except OSError:
        return None


def _plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain values, null as None."""
    import pandas as pd

    return [
        {str(key): None if pd.isna(value) else value for key, value in row.items()}
        for row in frame.astype(object).to_dict("records")
    ]
