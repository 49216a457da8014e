"""A program that scores the crowd on a cluster: ``python -m tests.helpers.crowd_client ...``.

All is as in ``bench ablate`` but the evaluation of a scene, which is a stub. The plugin is a
module of its own on the path: see :mod:`tests.helpers.crowd`.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import crowd

import bench
from bench.evaluation import worker

SUITE = """
name = "crowd"
[dataset]
name = "crowd"
[evaluation]
split = "valid"
protocol = "challenge"
metrics = ["stub"]
reference_prescription = "unamplified"
[defaults]
prescription = "unamplified"
loss = "mse"
"""


def main(board: Path, scheduler: str, runs: int) -> None:
    """Score so many runs, and print how long it took."""
    suite = board.parent / "crowd.toml"
    suite.write_text(SUITE)
    worker.start, worker.evaluate = crowd.start, crowd.evaluate
    begin = time.perf_counter()
    with bench.executing(scheduler):
        result = bench.ablate(
            suite=str(suite),
            separator="mixture",
            gains="one-level",
            grid={"gains.level": [0.5 * number for number in range(runs)]},
            baselines=False,
            out=board,
        )
    seconds = time.perf_counter() - begin
    assert result.outcome.ok, result.outcome
    print(json.dumps({"seconds": seconds, "rows": len(result.leaderboard.rows)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
