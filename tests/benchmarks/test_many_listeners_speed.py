"""The shape of the official evaluation set, a scene of 10 s with 20 listeners, beside the recipe.

Both sides are one process of one thread, and what is compared is CPU time: a scene is one job. The
recipe separates the song anew for each listener and keeps nothing from pair to pair, so it scores
two of the pairs here and is taken ten times. Separator, metric and signals are those of
:mod:`tests.benchmarks.test_evaluation_speed`.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.builtin.separators.weights import load_model
from bench.data.generate.demo import write_demo
from bench.evaluation.worker import Evaluator, RunToScore
from bench.plugins import installed
from bench.separation.hdemucs import Config, build_model
from bench.spec.resolve import make_run_spec
from bench.spec.suite import load_suite
from tests.benchmarks.test_evaluation_speed import Task, recipe_of, recipe_scores

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(7200)]

LISTENERS = 20
MEASURED = 2
"""Listeners for whom the recipe is run."""


def write_listeners(root: Path, count: int) -> None:
    """Let the one scene of a set have `count` listeners, whose losses differ."""
    metadata = root / "metadata"
    known = json.loads((metadata / "listeners.valid.json").read_text(encoding="utf-8"))
    first, *_ = known.values()
    found = {}
    for number in range(count):
        name = f"L{number:04d}"
        ears = {
            key: [min(80, level + number) for level in levels]
            for key, levels in first.items()
            if key.startswith("audiogram_levels")
        }
        found[name] = {**first, **ears, "name": name}
    (metadata / "listeners.valid.json").write_text(json.dumps(found), encoding="utf-8")
    path = metadata / "scene_listeners.valid.json"
    [scene] = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({scene: list(found)}), encoding="utf-8")


def task_of(folder: Path, listeners: int) -> Task:
    """A set of one scene with so many listeners, and its run."""
    root = folder / f"set-{listeners}"
    write_demo(
        root, songs_train=1, songs_valid=1, seconds=10.0, scenes_per_song=1, listeners_per_scene=1
    )
    write_listeners(root, listeners)
    weights = folder / "random.pt"
    if not weights.exists():
        torch.manual_seed(0)
        torch.save(build_model(Config()).state_dict(), weights)
    suite = replace(load_suite("cadenza-icassp-2024"), metrics=("haaqi",))
    options = {"dataset": {"root": str(root)}, "separator": {"weights": str(weights)}}
    spec = make_run_spec(installed(), suite, separator="hdemucs", gains="fixed", options=options)
    return Task(root, weights, spec)


def test_a_scene_of_twenty_listeners(
    benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_CACHE_GB", "0")
    many, few = task_of(tmp_path, LISTENERS), task_of(tmp_path, MEASURED)
    evaluator = Evaluator([RunToScore("run", many.spec)], strict=True)
    [(scene, about)] = evaluator.scenes.items()

    def score(listeners: int) -> dict[str, float]:
        rows = evaluator.evaluate(scene, {"run": list(about.listeners)[:listeners]})["run"]
        wanted = (row for row in rows if (row["metric"], row["part"]) == ("haaqi", "mean"))
        return {row["listener"]: row["value"] for row in wanted}

    score(1)  # compiles
    started = time.process_time()
    ours = benchmark.pedantic(score, (LISTENERS,), rounds=1)
    spent = time.process_time() - started
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        model, _ = load_model(str(few.weights))
        with recipe_of(model, monkeypatch):
            started = time.process_time()
            theirs = recipe_scores(few, tmp_path)
            of_recipe = (time.process_time() - started) * LISTENERS / MEASURED
    finally:
        torch.set_num_threads(threads)
    assert len(ours) == LISTENERS
    assert len(theirs) == MEASURED
    for (_, listener), score_of_recipe in theirs.items():
        assert ours[listener] == pytest.approx(score_of_recipe, abs=1e-4)
    benchmark.extra_info["times as fast as the recipe"] = of_recipe / spent
    benchmark.extra_info["CPU seconds"] = spent
