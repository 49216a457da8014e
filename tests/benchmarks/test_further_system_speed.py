"""What a system adds to a board that has one already: the same pairs, one thread, all metrics.

The first system pays for separation and for the reference's side. A further one that shares its
separator reads the stems that were kept; the mixture has nothing to separate.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.data.generate.demo import write_demo
from bench.evaluation.worker import Evaluator, RunToScore
from bench.plugins import installed
from bench.separation.hdemucs import Config, build_model
from bench.spec.resolve import make_run_spec
from bench.spec.suite import load_suite

SONGS = int(os.environ.get("BENCH_SPEED_SONGS", "4"))

pytestmark = [
    pytest.mark.benchmark(group=f"systems of a board, {2 * SONGS} pairs of 10 s, one thread"),
    pytest.mark.timeout(3600),
]
SYSTEMS = {
    "the first": ("hdemucs", "fixed"),
    "same separator": ("hdemucs", "none"),
    "mixture": ("mixture", "fixed"),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("speed")
    write_demo(
        folder / "set", songs_train=1, songs_valid=SONGS, seconds=10.0, scenes_per_song=1,
        listeners_per_scene=2,
    )  # fmt: skip
    torch.manual_seed(0)
    torch.save(build_model(Config()).state_dict(), folder / "random.pt")
    return folder


def evaluator(root: Path, separator: str, gains: str) -> Evaluator:
    options = {"dataset": {"root": str(root / "set")}}
    if separator == "hdemucs":
        options["separator"] = {"weights": str(root / "random.pt")}
    suite = load_suite("cadenza-icassp-2024")
    spec = make_run_spec(installed(), suite, separator=separator, gains=gains, options=options)
    return Evaluator([RunToScore("run", spec)])


_seconds: dict[str, float] = {}


@pytest.mark.parametrize("name", SYSTEMS)
def test_further_system(
    benchmark: Any, root: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    warm = evaluator(root, "mixture", "fixed")  # compiles
    scene = next(iter(warm.scenes))
    warm.evaluate(scene, {"run": list(warm.scenes[scene].listeners)})
    monkeypatch.setenv("BENCH_CACHE", str(root / "cache"))
    system = evaluator(root, *SYSTEMS[name])

    def score() -> None:
        for scene in system.scenes.values():
            rows = system.evaluate(scene.id, {"run": list(scene.listeners)})["run"]
            assert not [row["reason"] for row in rows if row["status"] == "failed"]

    benchmark.pedantic(score, rounds=1)
    _seconds[name] = benchmark.stats.stats.min
    assert _seconds[name] <= _seconds["the first"] * (1.0 if name == "the first" else 0.5)
