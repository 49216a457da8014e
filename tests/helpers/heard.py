"""Pairs to be heard, made of noise, and a board that they belong to."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from clarity.utils.audiogram import Audiogram, Listener

from bench.api import Scene
from bench.board.store import Board
from bench.listening.audio import RATE, match_levels
from bench.listening.render import MIXTURE, REFERENCE, HeardPair
from bench.plugins import installed
from bench.runs.restore import StoredRun
from bench.spec.resolve import make_run_spec
from bench.spec.suite import load_suite

SECONDS = 0.5
RUNS = {"rone": "system one", "rtwo": "system two"}


class NoAudio:
    sample_rate, frames = RATE, RATE

    def read(self, part: str, start: int = 0, frames: int | None = None) -> Any:
        raise AssertionError("not to be read")


def heard(
    scene: str = "s1",
    listener: str = "L1",
    song: str = "a song",
    *,
    own_reference: bool = False,
    seconds: float = SECONDS,
    same: tuple[str, ...] = (),
) -> HeardPair:
    """A pair of noises; those of `same` are the reference, to the bit."""
    rng = np.random.default_rng(sum(map(ord, scene)))
    frames = round(seconds * RATE)
    reference = f"{REFERENCE}/rone" if own_reference else REFERENCE
    noise = {name: rng.normal(0, 0.1, (2, frames)) for name in (MIXTURE, reference, *RUNS)}
    noise |= dict.fromkeys(same, noise[reference])
    audiogram = Audiogram(levels=np.linspace(10, 45, 8))
    return HeardPair(
        scene=Scene(scene, song, "hlp", (3.0, -6.0, 0.0, 1.0), (listener,), NoAudio(), "Funk"),
        listener=Listener(audiogram, audiogram, id=listener),
        start=0.25,
        seconds=seconds,
        ways={way: match_levels(noise) for way in ("remix", "amplified", "simulated")},
        gains={"rone": np.array([3.0, -6, 0, 1]), "rtwo": np.arange(8.0).reshape(2, 4)},
    )


def stored_runs(labels: dict[str, str] = RUNS) -> list[StoredRun]:
    spec = make_run_spec(installed(), load_suite("demo"), separator="mixture", gains="fixed")
    return [StoredRun(run_id, label, spec, None) for run_id, label in labels.items()]


def board_of(path: Path, labels: dict[str, str] = RUNS, *, scenes: tuple[str, ...] = ()) -> Board:
    """The board of some runs, with HAAQI and SDR of some scenes for the listeners L1 and L2."""
    board = Board(path)
    for number, (run_id, label) in enumerate(labels.items()):
        board.write_run(
            {
                "run_id": run_id,
                "status": "done",
                "suite": "demo",
                "split": "valid",
                "protocol": "challenge",
                "label": label,
                "separator": "mixture",
                "gains": "fixed",
                "spec_json": json.dumps({"number": number}),
                "ranked": True,
            }
        )
        for scene in scenes:
            rows = [
                {
                    "song": f"song of {scene}",
                    "genre": "Funk",
                    "listener": listener,
                    "pta_left": 20.0,
                    "pta_right": 30.0,
                    "metric": metric,
                    "part": part,
                    "value": 0.5 + number / 10,
                    "status": "ok",
                    "reason": "",
                }
                for listener in ("L1", "L2")
                for metric, part in (("haaqi", "mean"), ("haaqi", "left"), ("sdr", "mean"))
            ]
            board.append_scores(run_id, scene, rows)
    return board


def data_of(text: str, name: str) -> Any:
    [found] = re.findall(
        rf'<script type="application/json" id="{name}">(.*?)</script>', text, flags=re.DOTALL
    )
    return json.loads(found)


def samples_of(text: str) -> np.ndarray:
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(text)), dtype="int16")
    assert rate == RATE
    return np.asarray(samples.T)
