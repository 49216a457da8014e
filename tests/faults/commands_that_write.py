"""Every command that writes, on a set of two scenes; each is quick."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from tests.helpers.command_line import run_bench
from tests.helpers.suites import SHORT_TRAINING, WriteSuite

COMMANDS = (
    "run", "train", "submit", "score", "enhance", "report", "listen", "listening-test", "merge",
    "remove", "demo", "prepare", "new",
)  # fmt: skip


@dataclass(frozen=True)
class Sources:
    """What the commands read: a set, a suite, a board of two runs, a song, submitted files."""

    data: Path
    suite: Path
    board: Path
    song: Path
    submitted: Path

    def arguments(self, command: str, out: Path) -> list[object]:
        """The arguments by which a command writes into the folder `out` and nowhere else."""
        system = ["--suite", self.suite, "--separator", "mixture", "--workers", 1]
        board = out / "board"
        pair = ["--out", board, "--seconds", 1, "--to", out / "pages"]
        music = self.data / "audio"
        return {
            "run": ["run", *system, "--out", board],
            "train": ["run", *system, "--gains", "cnn", "--no-report", "--out", board],
            "submit": ["submit", out / "files", *system],
            "score": [
                *("score", self.submitted, "--suite", self.suite, "--workers", 1),
                *("--name", "mine", "--out", board),
            ],
            "enhance": [
                *("enhance", self.song, "-O", out / "out.flac", "--audiogram", "N2"),
                *("--separator", "mixture", "--overwrite"),
            ],
            "report": ["report", "--out", board, "--suite", self.suite],
            "listen": ["listen", *pair, "--suite", self.suite, "--no-simulated"],
            "listening-test": [
                *("listening-test", "make", *pair, "--suite", self.suite),
                *("--heard", "remix", "--seed", 1),
            ],
            "merge": ["board", "merge", out / "merged", board],
            "remove": ["board", "remove", "mixture + none", "--out", board],
            "demo": [
                *("data", "demo", out / "demo", "--songs", 1, "--valid-songs", 1),
                *("--seconds", 1, "--scenes", 1, "--listeners", 1, "--workers", 1),
            ],
            "prepare": [
                *("data", "prepare", out / "set", "--music", music / "music"),
                *("--hrtf", music / "hrtf", "--metadata", self.data / "metadata"),
                *("--split", "valid", "--workers", 1),
            ],
            "new": ["plugins", "new", "my-separator", "--kind", "separator", "--to", out],
        }[command]

    def begin(self, command: str, out: Path) -> None:
        """Put into `out` what the command finds there."""
        if command in ("report", "listen", "listening-test", "merge", "remove"):
            shutil.copytree(self.board, out / "board")


def make_sources(folder: Path, small_set: Path, small_suite: WriteSuite) -> Sources:
    """Make them."""
    training = {**SHORT_TRAINING, "segments": 2, "validation_songs": 0}
    suite = small_suite(metrics=("lufs", "clipping"), training=training)
    system = ("--suite", suite, "--separator", "mixture", "--workers", 1)
    board = folder / "board"
    assert run_bench("run", *system, "--out", board, "--no-report", "--gains", "none") == 0
    assert run_bench("submit", folder / "submitted", *system) == 0
    song = folder / "song.wav"
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (44_100, 2))
    soundfile.write(song, noise, 44_100, subtype="PCM_16")
    return Sources(small_set, suite, board, song, folder / "submitted")
