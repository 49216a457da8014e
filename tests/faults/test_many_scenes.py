"""Memory and open files over many scenes, in one process: neither grows with their number."""

from __future__ import annotations

import gc
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.api import DatasetSpec, Scene
from bench.board.store import Board
from bench.evaluation.runner import evaluate_runs, pairs_to_score
from bench.evaluation.worker import RunToScore
from bench.plugins import Registered, installed
from bench.spec.resolve import make_run_spec, open_dataset
from bench.spec.suite import parse_suite
from tests.helpers.noises import LISTENERS, Noise, Noises

SCENES, WARM = 500, 100


class ManyNoises(Noises):
    """Five hundred scenes of half a second."""

    def scenes(self, split: str) -> Sequence[Scene]:
        return [
            Scene(f"s{n}", f"song {n}", "h", (3.0, -3.0, 0.0, 1.0), LISTENERS[:1], Noise(f"s{n}"))
            for n in range(SCENES)
        ]


def resident() -> float:
    """MiB of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


class Watch:
    """Progress that looks at the process after each scene."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, int]] = []

    def stage(self, title: str, total: int) -> Any:
        from contextlib import nullcontext

        return nullcontext(self.step)

    def step(self, note: str, done: int) -> None:
        gc.collect(0)
        self.seen.append((resident(), open_files()))

    def say(self, text: str) -> None:
        raise AssertionError(text)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_memory_and_open_files_are_flat_over_500_scenes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = DatasetSpec(name="many", target=f"{__name__}:ManyNoises", summary="noise")
    plugins = installed().adding([Registered(spec, "many", "1.0", __name__)])
    # In this process, which is the one that is looked at.
    monkeypatch.setattr("bench.spec.run.RunSpec.has_strangers", lambda spec, plugins: False)
    suite: Mapping[str, Any] = {
        "name": "many",
        "dataset": {"name": "many"},
        "evaluation": {"split": "valid", "metrics": ["sdr", "lufs", "clipping"]},
        "defaults": {"loss": "mse"},
    }
    runs = [
        RunToScore(f"r{number}", make_run_spec(
            plugins, parse_suite(suite, where="test"), separator=separator, gains="fixed"
        ))
        for number, separator in enumerate(("mixture", "oracle"))
    ]  # fmt: skip
    dataset = open_dataset(runs[0].spec, plugins)
    board, watch = Board(tmp_path), Watch()
    todo = pairs_to_score(dataset.scenes("valid"), runs, board)
    assert not evaluate_runs(runs, todo, board, plugins, workers=1, progress=watch)
    assert len(watch.seen) == SCENES
    memory = [megabytes for megabytes, _ in watch.seen]
    files = [count for _, count in watch.seen]
    early, late = max(memory[WARM : 2 * WARM]), max(memory[-WARM:])
    print(f"\n{early:.0f} MiB in scenes 100 to 200, {late:.0f} in the last 100, {files[-1]} files")
    assert late < early + 20
    assert files[-1] <= files[WARM]
