"""The same scores bit for bit, whoever computes them: programs stand for machines of a cluster."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import bench
from bench.errors import BenchError
from bench.plugins import installed
from bench.runtime.cluster import Cluster
from bench.runtime.executors import run_jobs, using, with_workers
from bench.runtime.progress import NO_PROGRESS, NoProgress
from tests.helpers import misbehaving, noises, work
from tests.helpers.cluster_programs import Programs, environment
from tests.helpers.paths import ROOT
from tests.helpers.suites import WriteSuite
from tests.helpers.work import USUAL_SIGNALS

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
    bench.ablate(out=tmp_path / "here2", workers=2, **how)
    assert scores(tmp_path / "here2") == expected
    there = 0
    for workers in (1, 2, 4):
        for number in range(there, workers):
            programs.worker(f"w{number}")
        there = workers
        killer = Killer(programs.running["w0"]) if workers == 4 else NO_PROGRESS
        with distributed.Client(scheduler_file=str(programs.file)) as client:
            client.wait_for_workers(workers, timeout=60)
            board = tmp_path / f"dask{workers}"
            found = bench.ablate(out=board, executor=client, progress=killer, **how)
        assert found.outcome.ok, found.outcome
        assert scores(board) == expected
    assert programs.running["w0"].wait(1) == -signal.SIGKILL


class Killer(NoProgress):
    """Kills a worker as soon as a scene is scored."""

    def __init__(self, worker: subprocess.Popen[bytes]) -> None:
        self.worker = worker

    @contextmanager
    def stage(self, title: str, total: int) -> Iterator[Any]:  # type: ignore[override]
        def step(note: str, done: int) -> None:
            if title == "scoring" and self.worker.poll() is None:
                self.worker.kill()

        yield step


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


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The plugins of noises and of what misbehaves, for this process and those it starts."""
    site = tmp_path / "site"
    site.mkdir()
    for module in (noises, misbehaving):
        noises.entry_point(site, module.__name__)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", f"{site}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    installed.cache_clear()
    yield site
    installed.cache_clear()


def noisy_suite(folder: Path, *metrics: str) -> Path:
    path = folder / "noises.toml"
    path.write_text(
        f"""name = "noises"
[dataset]
name = "noises"
[evaluation]
split = "valid"
metrics = {json.dumps(metrics)}
[defaults]
loss = "mse"
"""
    )
    return path


def test_a_scene_that_ends_its_worker_three_times_is_a_failed_row(
    plugins: Path, programs: Programs, tmp_path: Path
) -> None:
    suite = noisy_suite(tmp_path, "level")
    programs.worker("only", **{noises.ENDS: "s2"})
    with distributed.Client(scheduler_file=str(programs.file)) as client:
        client.wait_for_workers(1, timeout=60)
        found = bench.run(
            suite=str(suite), separator="mixture", baselines=False, executor=client,
            out=tmp_path / "board",
        )  # fmt: skip
        assert len(client.scheduler_info()["workers"]) == 1
    rows = found.board.scores(metric="level")
    failed = rows[rows["status"] == "failed"]
    assert set(failed["scene"]) == {"s2"}
    assert set(rows["scene"]) == set(noises.SCENES)
    assert failed["reason"].str.contains("ended 3 processes of only").all()
    assert failed["reason"].str.contains("SIGKILL").all()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_no_task_running(
    plugins: Path, programs: Programs, tmp_path: Path, number: int, code: int
) -> None:
    suite = noisy_suite(tmp_path, "sleeps")
    programs.worker("one")
    programs.worker("two")
    arguments = ["--suite", str(suite), "--separator", "mixture", "--no-baselines", "--no-report"]
    arguments += ["--time-limit", "0", "--out", str(tmp_path / "board")]
    arguments += ["--executor", "dask", "--scheduler", str(programs.file)]
    run = subprocess.Popen(
        [*USUAL_SIGNALS, sys.executable, "-m", "bench", "run", *arguments],
        cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with distributed.Client(scheduler_file=str(programs.file)) as client:
        wait_until(lambda: sum(map(len, client.processing().values())) >= 2)
        wait_until(lambda: len(programs.children()) == 2)
        run.send_signal(number)
        try:
            _, said = run.communicate(timeout=60)
        finally:
            run.kill()
        assert run.returncode == code, said
        assert "Traceback" not in said
        wait_until(lambda: not programs.children(), 20)
        wait_until(lambda: client.run_on_scheduler(work.tasks) == 0, 20)
        assert len(client.scheduler_info()["workers"]) == 2


def wait_until(holds: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_workers_that_come_are_used_and_counted_and_those_with_a_gpu_train(
    programs: Programs,
) -> None:
    programs.worker("plain", BENCH_TEST_WORKER="plain")
    with distributed.Client(scheduler_file=str(programs.file)) as client:
        cluster = Cluster(client)
        with using(cluster):
            seen: list[str] = []
            notes = []
            jobs = run_jobs(work.who_waits, [0.5] * 30)
            for number, (_, name) in enumerate(jobs):
                seen.append(str(name))
                notes.append(with_workers("job"))
                if number == 2:
                    programs.start(
                        "worker", "--nthreads", "1", "--name", "fast", "--no-dashboard",
                        "--resources", "GPU=1", BENCH_TEST_WORKER="fast",
                    )  # fmt: skip
                    # No further job is handed out meanwhile, however long a worker takes to come.
                    wait_until(lambda: cluster.workers() == 2)
            assert notes[0] == "job, 1 worker"
            assert notes[-1] == "job, 2 workers"
            assert set(seen) == {"plain", "fast"}
            trained = [name for _, name in run_jobs(work.who_waits, [0.0] * 5, needs_gpu=True)]
            assert trained == ["fast"] * 5
            assert cluster.workers(needs_gpu=True) == 1
            programs.running["fast"].kill()
            wait_until(lambda: cluster.workers() == 1)
            # Without any such worker the others do it.
            trained = [name for _, name in run_jobs(work.who_waits, [0.0] * 2, needs_gpu=True)]
            assert trained == ["plain"] * 2


def test_doctor_names_the_workers_that_differ_and_a_run_refuses_them(
    suite: Path, small_set: Path, programs: Programs, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(ROOT / "bench", other / "bench", ignore=shutil.ignore_patterns("__pycache__"))
    changed = other / "bench" / "hearing" / "sdr.py"
    changed.write_text(changed.read_text() + "\n# Another version.\n")
    site = tmp_path / "site of more"
    site.mkdir()
    noises.entry_point(site)
    own = os.environ.get("PYTHONPATH", "")
    programs.worker("good")
    programs.worker("older", PYTHONPATH=os.pathsep.join([str(other), str(ROOT), own]))
    programs.worker("more", PYTHONPATH=os.pathsep.join([str(site), str(ROOT), own]))
    programs.worker("lost", BENCH_DATA_ROOT=str(tmp_path / "nowhere"))
    with distributed.Client(scheduler_file=str(programs.file)) as client:
        client.wait_for_workers(4, timeout=120)
    found = bench.doctor(scheduler=str(programs.file), root=small_set)
    [dashboard, *workers] = found.sections["cluster"]
    assert dashboard.name == "dashboard"
    by_name = {one.name.partition(" ")[0]: one for one in workers}
    assert by_name["good"].status == "ok"
    assert "1 threads" in by_name["good"].value
    assert "GiB" in by_name["good"].value
    assert "a different bench: source" in by_name["older"].value
    assert "a different noises: 1.0, here none" in by_name["more"].value
    assert "no folder" in by_name["lost"].value
    assert {name for name, one in by_name.items() if one.status == "problem"} == {
        "older", "more", "lost",
    }  # fmt: skip
    # One that names no root of its own must see the one that is asked for.
    found = bench.doctor(scheduler=str(programs.file), root=tmp_path / "unseen")
    assert "no data root" in str(found.sections["cluster"])
    with pytest.raises(BenchError, match=r"worker (more|older) .* has a different (noises|bench)"):
        bench.run(
            suite=str(suite), separator="mixture", baselines=False, out=tmp_path / "board",
            executor=str(programs.file),
        )  # fmt: skip
    assert not (tmp_path / "board").exists()
