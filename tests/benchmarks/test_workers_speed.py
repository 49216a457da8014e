"""Two workers beside one: scoring scenes of 10 s, by local processes and by a Dask cluster.

HDemucs of full size (random weights), two listeners a scene, all metrics of the challenge's suite
that ship with bench. The time is that of the whole :func:`bench.evaluation.runner.evaluate_runs`,
processes and their start included, with kernels compiled and no stems kept. One worker and two
take turns, so that a machine that is busy for a while is busy for both.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import torch

from bench.board.store import Board
from bench.commands.cluster import executing
from bench.data.generate.demo import write_demo
from bench.evaluation.runner import evaluate_runs, pairs_to_score
from bench.evaluation.worker import RunToScore
from bench.plugins import installed
from bench.runtime.executors import executor
from bench.separation.hdemucs import Config, build_model
from bench.spec.resolve import make_run_spec, open_dataset
from bench.spec.run import RunSpec
from bench.spec.suite import load_suite

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(7200)]

SCENES = int(os.environ.get("BENCH_SPEED_SCENES", "24"))
ROUNDS = int(os.environ.get("BENCH_SPEED_ROUNDS", "2"))


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> RunSpec:
    root = tmp_path_factory.mktemp("speed") / "set"
    write_demo(
        root, songs_train=1, songs_valid=6, seconds=10.0, scenes_per_song=SCENES // 6,
        listeners_per_scene=2,
    )  # fmt: skip
    weights = root / "random.pt"
    torch.manual_seed(0)
    torch.save(build_model(Config()).state_dict(), weights)
    suite = load_suite("cadenza-icassp-2024")
    suite = replace(suite, metrics=("haaqi", "sdr", "lufs", "clipping"))
    options = {"dataset": {"root": str(root)}, "separator": {"weights": str(weights)}}
    return make_run_spec(installed(), suite, separator="hdemucs", gains="fixed", options=options)


@contextmanager
def workers_of(kind: str, number: int) -> Iterator[None]:
    """So many workers, in force."""
    with ExitStack() as stack:
        if kind == "dask":
            distributed = pytest.importorskip("distributed")
            cluster = distributed.LocalCluster(
                n_workers=number, threads_per_worker=1, dashboard_address=None, silence_logs=50
            )
            stack.enter_context(cluster)
            client = stack.enter_context(distributed.Client(cluster))
            stack.enter_context(executing(client))
        yield


def seconds(spec: RunSpec, board: Path, kind: str, number: int) -> float:
    plugins = installed()
    run = RunToScore("run", spec)
    kept = Board(board)
    todo = pairs_to_score(open_dataset(spec, plugins).scenes("valid"), [run], kept)
    with workers_of(kind, number):
        start = time.perf_counter()
        workers = executor().workers(number)
        evaluate_runs([run], todo, kept, plugins, workers=workers)
        return time.perf_counter() - start


@pytest.mark.parametrize("kind", ["local", "dask"])
def test_two_workers(
    benchmark: Any, spec: RunSpec, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_CACHE_GB", "0")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    benchmark.group = f"{SCENES} scenes of 10 s, {kind}"
    seconds(replace(spec, limit=2), tmp_path / "warm", kind, 1)  # compiles
    found: dict[int, list[float]] = {1: [], 2: []}

    def measure() -> None:
        for turn in range(ROUNDS):
            for number in (1, 2):
                board = tmp_path / f"{number}-{turn}"
                found[number].append(seconds(spec, board, kind, number))

    benchmark.pedantic(measure, rounds=1)
    ratio = median(found[1]) / median(found[2])
    benchmark.extra_info.update({str(n): times for n, times in found.items()}, ratio=ratio)
    print(f"\n{kind}: one {found[1]}, two {found[2]}, ratio {ratio:.3f}")
    assert ratio > 1.0
