"""Memory of a song of 4 minutes: 2 GB for its separation, 1 GB for its scoring.

Each stage runs in a process of its own. What counts is memory that the process alone holds
(``RssAnon``); pages of mapped files, which the system writes out when it needs the room, do not.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from bench.api import STEMS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]

RATE = 44_100
SECONDS = 240
STAGE = """
import json, sys, threading, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from clarity.utils.audiogram import Audiogram, Listener
from bench.api import Scene
from bench.data.scene_files import SceneFiles
from bench.runtime.memory import recycle
from bench.evaluation.protocol import Excerpt, render, separate
from bench.evaluation.scoring import Scorer, Stopwatch
from bench.plugins import installed
from bench.spec.resolve import make_run_spec
from bench.spec.suite import load_suite
from bench.system.system import build_system
from bench.separation.hdemucs import Config, build_model

stage, folder = sys.argv[1], Path(sys.argv[2])
peak = 0.0

def watch():
    global peak
    while True:
        for line in open("/proc/self/status"):
            if line.startswith("RssAnon"):
                peak = max(peak, int(line.split()[1]) * 1024 / 1e6)
        time.sleep(0.01)

separator = "hdemucs" if stage == "separate" else "mixture"
options = {"dataset": {"root": str(folder)}}
if stage == "separate":
    weights = folder / "random.pt"
    torch.manual_seed(0)
    torch.save(build_model(Config()).state_dict(), weights)
    options["separator"] = {"weights": str(weights)}
plugins, suite = installed(), load_suite("cadenza-icassp-2024")
suite = suite.with_metrics(["haaqi-light"])
spec = make_run_spec(plugins, suite, separator=separator, gains="fixed", options=options)
system = build_system(spec, plugins)
recycle(False)
threading.Thread(target=watch, daemon=True).start()
audio = SceneFiles(folder)
scene = Scene("s", "song", "h", (3.0, -6.0, 0.0, 0.0), ("L",), audio)
ears = [Audiogram([20, 20, 25, 30, 40, 45, 50, 50]), Audiogram([30, 30, 35, 40, 50, 55, 60, 60])]
excerpt = Excerpt.read(scene)
seconds, rows, peaks = Stopwatch(), [], {}
stems = separate(system, excerpt)
peaks["separate"] = peak
if stage == "score":
    peak = 0.0
    rendering = render(system, excerpt, stems, Listener(*ears, "L"), "challenge", watch=seconds)
    peaks["render"] = peak
    scorer = Scorer(spec.metrics, plugins)
    for pair in list(scorer.metrics):
        peak = 0.0
        scorer.metrics = [pair]
        rows += scorer.score(rendering, seconds)
        peaks[pair[0].name] = peak
failed = [row["reason"] for row in rows if row["status"] == "failed"]
print(json.dumps({"peaks": peaks, "failed": failed, "seconds": seconds.seconds}))
"""


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of 4 minutes: noise that comes and goes, as music does."""
    folder = tmp_path_factory.mktemp("song")
    rng = np.random.default_rng(0)
    time = np.arange(SECONDS * RATE) / RATE
    total = np.zeros((len(time), 2), np.float32)
    for k, stem in enumerate(STEMS):
        level = 0.05 * (1 + np.sin(2 * np.pi * (0.3 + 0.2 * k) * time)).astype(np.float32)
        samples = level[:, None] * rng.standard_normal((len(time), 2), np.float32)
        soundfile.write(folder / f"{stem}.wav", samples, RATE, subtype="PCM_16")
        total += samples
    soundfile.write(folder / "mixture.wav", total.clip(-1, 1), RATE, subtype="PCM_16")
    return folder


def measured(stage: str, song: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", STAGE, stage, str(song)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(found)
    return found


@pytest.fixture(scope="module")
def scoring(song: Path) -> dict[str, float]:
    """Peak memory of each stage of the scoring, MB."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE", str(song / "cache"))
        found = measured("score", song)
    assert not found["failed"]
    peaks: dict[str, float] = found["peaks"]
    return peaks


def test_separation_of_a_long_song(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(song / "cache"))
    assert measured("separate", song)["peaks"]["separate"] < 2000


@pytest.mark.parametrize("stage", ["render", "haaqi", "haaqi-light", "sdr", "lufs", "clipping"])
def test_scoring_of_a_long_song(stage: str, scoring: dict[str, float]) -> None:
    assert scoring[stage] < 1000
