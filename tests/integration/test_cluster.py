"""The same scores bit for bit, whoever computes them: programs stand for machines of a cluster."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import bench
from tests.helpers.cluster_programs import Programs, environment
from tests.helpers.paths import ROOT
from tests.helpers.suites import WriteSuite

distributed = pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore"),
]

COLUMNS = ["scene", "listener", "metric", "part", "value", "status"]


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    found = Programs(tmp_path)
    yield found
    found.end()


@pytest.fixture(scope="module")
def suite(small_suite: WriteSuite) -> Path:
    return small_suite(metrics=("haaqi", "lufs"))


def scores(board: Path) -> dict[Any, Any]:
    found = bench.Board(board).scores()
    found = found[~found.metric.isin(["time", "seconds"])]
    labels = bench.Board(board).runs().set_index("run_id")["label"].to_dict()
    return {
        (labels[run_id], *row[:4]): row[4:]
        for run_id, *row in found[["run_id", *COLUMNS]].fillna(-1.0).itertuples(index=False)
    }


def test_scores_are_the_same_on_any_number_of_workers(
    suite: Path, programs: Programs, tmp_path: Path
) -> None:
    how: dict[str, Any] = {"suite": str(suite), "separator": "mixture,oracle", "gains": "fixed,cnn"}
    bench.ablate(out=tmp_path / "here", workers=1, **how)
    expected = scores(tmp_path / "here")
    assert {status for _, status in expected.values()} == {"ok"}
    assert len({label for label, *_ in expected}) >= 3
    for workers in (1, 2):
        programs.worker(f"w{workers}")
        with distributed.Client(scheduler_file=str(programs.file)) as client:
            client.wait_for_workers(workers, timeout=60)
            found = bench.ablate(out=tmp_path / f"dask{workers}", executor=client, **how)
        assert found.outcome.ok, found.outcome
        assert scores(tmp_path / f"dask{workers}") == expected


def test_a_worker_that_dies_and_one_that_comes_change_nothing(
    suite: Path, programs: Programs, tmp_path: Path
) -> None:
    how: dict[str, Any] = {"suite": str(suite), "separator": "mixture", "baselines": False}
    bench.run(out=tmp_path / "here", workers=1, **how)
    programs.worker("first")
    run = subprocess.Popen(
        [
            *(
                sys.executable,
                "-m",
                "bench",
                "run",
                "--suite",
                str(suite),
                "--separator",
                "mixture",
            ),
            *("--no-baselines", "--no-report", "--out", str(tmp_path / "dask")),
            *("--executor", "dask", "--scheduler", str(programs.file)),
        ],
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=ROOT,
    )
    scored = tmp_path / "dask" / "runs"
    deadline = time.monotonic() + 120
    while not scored.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    programs.running["first"].send_signal(signal.SIGKILL)
    programs.worker("second")
    _, said = run.communicate(timeout=200)
    assert run.returncode == 0, said
    assert "dashboard" in said
    assert scores(tmp_path / "dask") == scores(tmp_path / "here")


def test_data_may_lie_elsewhere_on_a_worker_but_must_be_the_same(
    suite: Path, small_set: Path, programs: Programs, tmp_path: Path
) -> None:
    programs.worker("far", BENCH_DATA_ROOT=str(tmp_path / "nowhere"))
    found = bench.doctor(scheduler=str(programs.file))
    for _ in range(100):
        if any("far" in one.name for one in found.sections["cluster"]):
            break
        time.sleep(0.3)
        found = bench.doctor(scheduler=str(programs.file))
    [problem] = [one for one in found.sections["cluster"] if one.status == "problem"]
    assert "far" in problem.name
    assert "nowhere" in problem.value
