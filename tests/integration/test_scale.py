"""An evaluation of the official size on a cluster, with a stub in place of each scene's work.

960 scenes of 20 listeners (19,200 pairs) for each of several runs, with a real scheduler and two
workers: what bench and Dask cost a scene, whether memory stays flat, and that a client which is
killed at some moment goes on where it was. ``BENCH_SCALE_RUNS`` says how many runs, 2 unless it is
given; the figures are printed.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import bench
from tests.helpers import crowd, noises
from tests.helpers.cluster_programs import Programs, environment
from tests.helpers.paths import ROOT

pytest.importorskip("distributed")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]

RUNS = int(os.environ.get("BENCH_SCALE_RUNS", "2"))
SCENES = int(os.environ.get(crowd.SCENES, "960"))


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Programs]:
    site = tmp_path / "site"
    site.mkdir()
    shutil.copy(crowd.__file__, site / "crowd.py")
    noises.entry_point(site, "crowd")
    monkeypatch.setenv("PYTHONPATH", f"{site}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    folder = tmp_path / "cluster"
    folder.mkdir()
    found = Programs(folder)
    found.worker("one")
    found.worker("two")
    yield found
    found.end()


def client(board: Path, programs: Programs) -> subprocess.Popen[str]:
    arguments = [str(board), str(programs.file), str(RUNS)]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.helpers.crowd_client", *arguments],
        cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def parts(board: Path) -> int:
    """Scenes of runs that are on the board, those of whole runs included."""
    whole = len(list(board.glob("scores/*/scores.parquet"))) * SCENES
    return whole + len(list(board.glob("scores/*/scene_*.parquet")))


def memory(process: int) -> float:
    """MiB that a process holds."""
    text = Path(f"/proc/{process}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024


def test_nineteen_thousand_pairs_a_run(programs: Programs, tmp_path: Path) -> None:
    board = tmp_path / "board"
    first = client(board, programs)
    stop = int(SCENES * RUNS * random.uniform(0.05, 0.6))
    while parts(board) < stop:
        assert first.poll() is None
        time.sleep(0.02)
    first.kill()
    first.communicate()
    kept = parts(board)

    start = time.perf_counter()
    second = client(board, programs)
    seen: list[tuple[int, float, float, float]] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(1.0):
            try:
                rss = memory(programs.running["scheduler"].pid), memory(second.pid)
            except (OSError, IndexError):  # it has ended
                return
            seen.append((parts(board), *rss, time.perf_counter()))

    watching = threading.Thread(target=watch)
    watching.start()
    said, _ = second.communicate(timeout=7000)
    seconds = time.perf_counter() - start
    ended.set()
    watching.join()
    assert second.returncode == 0
    assert json.loads(said)["rows"] == RUNS

    done = SCENES * RUNS - kept
    working = [one for one in seen if kept < one[0] < SCENES * RUNS]
    assert len(working) > 2
    for title, column in (("scheduler", 1), ("client", 2)):
        held = [one[column] for one in working]
        early, late = held[len(held) // 4], held[-1]
        print(f"{title}: {early:.0f} MiB after a quarter, {late:.0f} MiB at the end")
        assert late < early + 64
    (begun, *_, since), (ended_at, *_, until) = working[0], working[-1]
    each = 1000 * (until - since) / (ended_at - begun)
    print(f"{each:.2f} ms a scene from the first to the last seen")
    print(
        f"{RUNS} runs of {SCENES} scenes x {crowd.HEARD} listeners: killed at {kept} scenes of "
        f"runs, {done} after it in {seconds:.0f} s, start and leaderboard included; "
        f"{1000 * seconds / done:.1f} ms each"
    )
    scores = bench.Board(board).scores(metric="stub", columns=["scene", "listener", "value"])
    assert scores.groupby("run_id").size().to_dict() == dict.fromkeys(
        bench.Board(board).runs()["run_id"], SCENES * crowd.HEARD * 3
    )
    assert scores["run_id"].nunique() == RUNS
    levels = {
        row["run_id"]: json.loads(row["spec_json"])["gains"]["options"]["level"]
        for row in bench.Board(board).runs().to_dict("records")
    }
    for run_id, scene, listener, value in scores.itertuples(index=False):
        assert value == crowd.score_of(scene, listener, float(levels[run_id]))
