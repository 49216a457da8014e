"""The whole baseline evaluation beside the official recipe's own enhance and evaluate.

Both sides score the same pairs (synthesised excerpts of 10 s, two listeners each) with the same
HDemucs of full size (random weights), on the same cores:

* the recipe's two programs as pyclarity installs them, by their own config: separation, gains,
  remix, NAL-R, FLAC files, HAAQI of both ears. It is one process; torch and numpy take the threads
  that they like.
* bench, with the metric haaqi alone: the same stages, in a process a core, no stems kept.

Neither side's start (imports, loading of weights, compilation) is in the time. What each computed
is compared.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf
from recipes.cad_icassp_2024.baseline import enhance, evaluate

from bench.builtin.separators.weights import load_model
from bench.data.generate.demo import write_demo
from bench.evaluation import worker
from bench.evaluation.worker import RunToScore, SceneJob
from bench.plugins import installed
from bench.separation.hdemucs import Config, build_model
from bench.spec.resolve import make_run_spec, open_dataset
from bench.spec.run import RunSpec
from bench.spec.suite import load_suite

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(7200)]

SONGS = int(os.environ.get("BENCH_SPEED_SONGS", "4"))
CORES = 2


@dataclass(frozen=True)
class Task:
    """What both sides compute."""

    root: Path
    weights: Path
    spec: RunSpec


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    root = tmp_path_factory.mktemp("speed") / "set"
    write_demo(
        root, songs_train=1, songs_valid=SONGS, seconds=10.0, scenes_per_song=1,
        listeners_per_scene=2,
    )  # fmt: skip
    weights = root / "random.pt"
    torch.manual_seed(0)
    torch.save(build_model(Config()).state_dict(), weights)
    suite = replace(load_suite("cadenza-icassp-2024"), metrics=("haaqi",))
    options = {"dataset": {"root": str(root)}, "separator": {"weights": str(weights)}}
    spec = make_run_spec(installed(), suite, separator="hdemucs", gains="fixed", options=options)
    return Task(root, weights, spec)


def recipe_scores(task: Task, folder: Path) -> dict[tuple[str, str], float]:
    """The recipe's programs, and the scores that they wrote."""
    config = OmegaConf.load(Path(enhance.__file__).with_name("config.yaml"))
    assert OmegaConf.is_dict(config)
    del config["hydra"]
    config.path.root = str(task.root)
    config.path.music_dir = str(task.root / "audio" / "at_mic_music")
    for name in ("listeners", "at_mic_music", "scenes", "scene_listeners"):
        key = "music_file" if name == "at_mic_music" else f"{name}_file"
        config.path[key] = str(task.root / "metadata" / f"{name}.valid.json")
    before = Path.cwd()
    os.chdir(folder)
    try:
        enhance.enhance.__wrapped__(config)
        evaluate.run_calculate_aq.__wrapped__(config)
    finally:
        os.chdir(before)
    frame = pd.read_csv(folder / "scores.csv")
    pairs = zip(frame.scene, frame.listener, strict=True)
    return dict(zip(pairs, frame.score, strict=True))


@contextmanager
def recipe_of(model: torch.nn.Module, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The recipe with this separator, in place of the one that it would download."""
    bundle = SimpleNamespace(get_model=lambda: model, sample_rate=44_100)
    with monkeypatch.context() as patch:
        patch.setattr(enhance, "HDEMUCS_HIGH_MUSDB", bundle)
        yield


Result = dict[tuple[str, str], float]


@pytest.fixture
def recipe(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Result]]:
    model, _ = load_model(str(task.weights))
    threads = torch.get_num_threads()
    torch.set_num_threads(CORES)
    with recipe_of(model, monkeypatch):
        yield lambda: recipe_scores(task, tmp_path)
    torch.set_num_threads(threads)


@pytest.fixture
def bench(task: Task, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Result]]:
    monkeypatch.setenv("BENCH_CACHE_GB", "0")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    dataset = open_dataset(task.spec, installed())
    scenes = dataset.scenes("valid")
    runs = [RunToScore("run", task.spec)]
    context = get_context("spawn")
    with ProcessPoolExecutor(
        CORES, mp_context=context, initializer=worker.start, initargs=(runs,)
    ) as pool:

        def submit() -> list[Any]:
            return [
                pool.submit(worker.evaluate, SceneJob(scene.id, {"run": list(scene.listeners)}))
                for scene in scenes
            ]

        for future in submit()[: 2 * CORES]:  # compiles, in each process
            future.result()

        def call() -> Result:
            rows = [row for future in submit() for row in future.result()["run"]]
            return {
                (row["scene"], row["listener"]): row["value"]
                for row in rows
                if row["metric"] == "haaqi" and row["part"] == "mean"
            }

        yield call


_found: dict[str, Result] = {}


@pytest.mark.parametrize("who", ["recipe", "bench"])
def test_baseline_evaluation(
    benchmark: Any, request: pytest.FixtureRequest, task: Task, who: str
) -> None:
    benchmark.group = f"baseline evaluation, {2 * SONGS} pairs of 10 s, {CORES} cores"
    call = request.getfixturevalue(who)
    _found[who] = benchmark.pedantic(call, rounds=1)
    assert len(_found[who]) == 2 * SONGS
    if len(_found) == 2:
        for pair, score in _found["recipe"].items():
            assert _found["bench"][pair] == pytest.approx(score, abs=1e-4)
