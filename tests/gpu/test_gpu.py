"""What a GPU does, beside the CPU: ``make gpu``. Every figure is printed.

The same runs are made on the GPU and, in a process that sees no GPU, on the CPU. Scores may differ
in what a GPU rounds otherwise; the largest difference is printed, and held to `SCORES`. Where there
is no GPU, all of it is skipped.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import bench
from bench.board.store import Board
from bench.plugins import installed
from bench.separation.hdemucs import Config, build_model
from bench.testing import check_plugin

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("default"),
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use"),
]

SCORES = {"haaqi": 2e-3, "sdr": 0.02, "lufs": 0.02}
"""Largest difference to the CPU's score: HAAQI, SDR in dB, LUFS difference in LU."""
STEPS = 20


def say(text: str) -> None:
    """Print in spite of pytest's capture."""
    print(f"\n    {text}", flush=True)


def on_the_cpu(code: str) -> None:
    """Run `code` in a process that sees no GPU."""
    hidden = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    guarded = "import bench\nif __name__ == '__main__':\n    " + code
    subprocess.run([sys.executable, "-c", guarded], check=True, env=hidden)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A full-size Hybrid Demucs with random weights."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "random.pt"
    torch.save(build_model(Config()).state_dict(), path)
    return path


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (item.spec.kind, item.spec.name)
        for item in installed().every
        if item.spec.kind in ("separator", "gains", "prescription", "loss")
    ],
)
def test_parts_work_on_the_gpu(kind: str, name: str) -> None:
    """The conformance checks call each plugin on every device that there is."""
    assert not check_plugin(kind, name).failures


def _scores(board: Path) -> pd.Series:
    table = Board(board).scores().query("status == 'ok' and metric != 'time'")
    key = ["run_id", "scene", "listener", "metric", "part"]
    return table.set_index(key)["value"].sort_index()


def _seconds_of_training(board: Path) -> float:
    log = Board(board).training().query("name == 'seconds/train'")
    return float(log["value"].iloc[-1])


def test_scores_are_the_cpu_s(tmp_path: Path) -> None:
    """`hdemucs` beside the baselines on the demo's validation split."""
    code = "bench.run(separator='hdemucs', gains='fixed', workers=2, out={!r})"
    began = time.perf_counter()
    bench.run(separator="hdemucs", gains="fixed", workers=2, out=tmp_path / "gpu")
    gpu = time.perf_counter() - began
    began = time.perf_counter()
    on_the_cpu(code.format(str(tmp_path / "cpu")))
    cpu = time.perf_counter() - began
    ours, theirs = _scores(tmp_path / "gpu"), _scores(tmp_path / "cpu")
    assert len(ours) > 0
    assert ours.index.equals(theirs.index)
    difference = (ours - theirs).abs().groupby("metric").max()
    say(f"scoring {len(ours)} values: GPU {gpu:.1f} s, CPU {cpu:.1f} s")
    say(
        "largest difference to the CPU: " + ", ".join(f"{k} {v:.2g}" for k, v in difference.items())
    )
    for metric, limit in SCORES.items():
        assert difference[metric] < limit, metric


@pytest.mark.parametrize("loss", ["joint", "haaqi"])
def test_fine_tuning_at_full_size(weights: Path, tmp_path: Path, loss: str) -> None:
    """20 steps of 5 segments of 5 s on the GPU, one step on the CPU."""
    choices = {"separator": "hdemucs-ft", "gains": "cnn", "loss": loss, "limit": 1, "workers": 1}

    def options(steps: int) -> dict[str, int | str]:
        training = {"epochs": 1, "segments": 5 * steps, "batch": 5, "validation_pairs": 1}
        chosen = {f"training.{name}": value for name, value in training.items()}
        return {**chosen, "separator.weights": str(weights)}

    torch.cuda.reset_peak_memory_stats()
    bench.run(**choices, baselines=False, options=options(STEPS), out=tmp_path / "gpu")
    gpu = _seconds_of_training(tmp_path / "gpu") / STEPS
    memory = torch.cuda.max_memory_allocated() / 2**30
    arguments = {**choices, "baselines": False, "options": options(1), "out": str(tmp_path / "cpu")}
    on_the_cpu(f"bench.run(**{arguments!r})")
    cpu = _seconds_of_training(tmp_path / "cpu")
    say(
        f"{loss}: {gpu:.2f} s a step on the GPU (the first included), {cpu:.1f} s on the CPU, "
        f"{memory:.1f} GiB of the GPU's memory"
    )
    assert np.isfinite(gpu)
    assert gpu < cpu
