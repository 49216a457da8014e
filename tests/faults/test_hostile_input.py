"""Files and texts that are damaged at random: a clear error or a right value, never a traceback.

A batch of each kind is part of the default tests; ``make test-all`` reads many more.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import random
import warnings
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file

from bench.ablation.design import read_ablation
from bench.api import MOST_GAIN, GainQuery
from bench.board.store import Board
from bench.builtin.gains import TableOptions
from bench.builtin.gains.table import Table
from bench.data import CadenzaOptions
from bench.data.audio import AudioFile, read_samples
from bench.data.cadenza import CadenzaDataset
from bench.data.listeners import read_listeners
from bench.errors import BenchError
from bench.hearing.audiograms import parse_audiogram
from bench.separation.hdemucs import load_network
from bench.spec.loss import LossExpression
from bench.spec.suite import load_suite
from bench.submission.scene import file_name
from bench.system.weights import load_weights
from bench.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from tests.helpers.boards import fill, run_row
from tests.helpers.cadenza_set import metadata, write_set
from tests.helpers.command_line import run_bench

FEW, MANY = 150, int(os.environ.get("BENCH_FUZZ", "12500"))
_TOKENS = (
    b"\0",
    b"\xff",
    b"-1",
    b"1e999",
    b"NaN",
    b"[",
    b"{",
    b'"',
    b"..",
    b"/",
    b"\n",
    b"\xef\xbb\xbf",
)


def mutated(content: bytes, rng: random.Random) -> bytes:
    """A few bytes changed, cut, doubled or replaced by what parsers stumble over."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(data) + 1)
        way = rng.randrange(6)
        if way == 0 and data:
            data[at % len(data)] = rng.randrange(256)
        elif way == 1:
            del data[at : at + rng.randrange(1, 9)]
        elif way == 2:
            data[at:at] = rng.choice(_TOKENS)
        elif way == 3:
            data[at:at] = data[at : at + rng.randrange(1, 40)]
        elif way == 4 and rng.random() < 0.3:
            del data[at:]
        elif data:
            data[at % len(data)] ^= 1 << rng.randrange(8)
    return bytes(data)


def audio_reader(kind: str) -> Callable[[Path, random.Random], None]:
    """Mutate the header of a file, and read it: finite samples, no more than there can be."""

    def read(folder: Path, rng: random.Random) -> None:
        path = folder / f"x.{kind}"
        original = folder / f"whole.{kind}"
        if not original.exists():
            sound = np.random.default_rng(0).uniform(-0.5, 0.5, (500, 2))
            soundfile.write(original, sound, 44_100, subtype="PCM_16")
        content = original.read_bytes()
        path.write_bytes(mutated(content[:64], rng) + content[64:])
        with AudioFile(path) as file:
            if file.header.frames > 100_000:  # of a header that says so; nothing is allocated yet
                return
        samples, rate = read_samples(path)
        assert np.isfinite(samples).all()
        assert rate > 0

    return read


def of_metadata(folder: Path, rng: random.Random) -> None:
    root = folder / "set"
    if not root.exists():
        write_set(root)
    files = metadata()
    name = rng.choice(sorted(files))
    path = root / "metadata" / name
    whole = json.dumps(files[name]).encode()
    try:
        path.write_bytes(mutated(whole, rng))
        dataset = CadenzaDataset(CadenzaOptions(root=str(root)))
        for scene in dataset.scenes("valid"):
            assert scene.audio.folder.is_relative_to(root)  # type: ignore[attr-defined]
        dataset.listeners("valid")
    finally:
        path.write_bytes(whole)


def of_listeners(folder: Path, rng: random.Random) -> None:
    path = folder / "listeners.json"
    path.write_bytes(mutated(json.dumps(metadata()["listeners.valid.json"]).encode(), rng))
    for who in read_listeners(path).values():
        assert np.isfinite(who.audiogram_left.levels).all()


def of_suite(folder: Path, rng: random.Random) -> None:
    from bench.spec import suite

    whole = (Path(suite.__file__).parent / "suites" / "demo.toml").read_bytes()
    path = folder / "own.toml"
    path.write_bytes(mutated(whole, rng))
    load_suite(str(path))


def of_loss(folder: Path, rng: random.Random) -> None:
    text = mutated(b"mse + 0.3*sdr@remix + 2.0*loudness@output - 10*haaqi-light", rng)
    known = ("mse", "sdr", "loudness", "haaqi", "haaqi-light")
    found = LossExpression.parse(text.decode("utf-8", "replace"), known)
    assert LossExpression.parse(str(found), known) == found
    assert all(math.isfinite(term.weight) for term in found.terms)


def of_audiogram(folder: Path, rng: random.Random) -> None:
    text = mutated(b"250:20,500:25,1000:40,2000:55,4000:60,8000:70", rng)
    found = parse_audiogram(text.decode("utf-8", "replace"))
    assert np.isfinite(found.levels).all()


def of_board(folder: Path, rng: random.Random) -> None:
    """A damaged file is left out and named, or its numbers are those that were written."""
    place = folder / "board"
    if not place.exists():
        fill(Board(place), "r1", 0.5, songs=2)
        Board(place).consolidate("r1")
        Board(place).write_run(run_row("r1", "mixture", "fixed"))
        Board(place).append_epoch("r1", {"epoch": 1, "loss": 0.25})
    path = place / rng.choice(sorted(p.relative_to(place) for p in place.rglob("*.parquet")))
    whole = path.read_bytes()
    numbers = place / "numbers.json"
    if not numbers.exists():
        numbers.write_text(json.dumps(sorted(Board(place).scores().value.dropna())))
    known = json.loads(numbers.read_text())
    try:
        path.write_bytes(mutated(whole, rng))
        board = Board(place)
        found = sorted(board.scores().value.dropna())
        frame = board.runs()
        log = board.training()
        assert path in board.damaged or found == known
        assert path in board.damaged or list(frame.run_id) == ["r1"]
        assert path in board.damaged or list(log.value) == [0.25]
        if board.damaged:
            raise BenchError("named")
    finally:
        path.write_bytes(whole)


def of_weights(folder: Path, rng: random.Random) -> None:
    path, tensors = folder / "x.safetensors", {"a.weight": torch.ones(3, 2), "b": torch.zeros(4)}
    save_file(tensors, folder / "whole.safetensors", metadata={"config": '{"channels": 4}'})
    whole = (folder / "whole.safetensors").read_bytes()
    header = len(whole) - 40
    path.write_bytes(mutated(whole[:header], rng) + whole[header:])
    found = load_weights(path)
    assert sum(tensor.numel() for tensor in found.values()) <= 20
    load_network(path)


def of_checkpoint(folder: Path, rng: random.Random) -> None:
    whole, path = folder / "whole.pt", folder / "x.pt"
    if not whole.exists():
        save_checkpoint(whole, Checkpoint(1, {"a": torch.ones(2)}, {"state": {}}, 1, 0.5))
    path.write_bytes(mutated(whole.read_bytes(), rng))
    found = load_checkpoint(path)
    assert found is not None
    assert (found.epoch, found.best_epoch, found.best_score) == (1, 1, 0.5)
    assert found.state["a"].tolist() == [1.0, 1.0]


def of_gains(folder: Path, rng: random.Random) -> None:
    stems = {"vocals": 3, "drums": 0, "bass": -2.5, "other": 1}
    whole = json.dumps({"default": stems, "L1": {"left": stems, "right": stems}}).encode()
    path = folder / rng.choice(("gains.json", "gains.toml"))
    if path.suffix == ".toml":
        table = "\n".join(f"{stem} = {value}" for stem, value in stems.items())
        whole = f"[default]\n{table}\n[L1.left]\n{table}\n[L1.right]\n{table}\n".encode()
    path.write_bytes(mutated(whole, rng))
    found = Table(TableOptions(path=str(path)))
    query = GainQuery(torch.zeros(1, 4), torch.zeros(1, 2, 8), torch.zeros(1, 4, 2, 1), ("L1",))
    assert float(found.gains(query).abs().max()) <= MOST_GAIN


def of_ablation(folder: Path, rng: random.Random) -> None:
    whole = (
        b'suite = "demo"\nseparator = ["hdemucs", "mixture"]\ngains = "cnn"\nseeds = 2\n'
        b'loss = ["mse + {alpha}*haaqi-light"]\nepochs = 3\nlimit = 4\n[grid]\nalpha = [0, 1.5]\n'
        b'[options]\n"training.batch" = 2\n'
    )
    path = folder / "ablation.toml"
    path.write_bytes(mutated(whole, rng))
    found = read_ablation(path)
    assert found.seeds >= 1
    assert found.limit >= 0


def of_ids(folder: Path, rng: random.Random) -> None:
    """Whatever a scene and a listener are called, their file lies in its folder."""
    scene, listener = (
        mutated(whole, rng).decode("utf-8", "surrogateescape") for whole in (b"scene_1", b"L0001")
    )
    place = folder / "ids"
    path = place / file_name(scene, listener)
    assert path.resolve().parent == place.resolve()
    path.parent.mkdir(exist_ok=True)
    path.touch()
    path.unlink()


COMMANDS = (
    "run --suite demo --separator mixture --gains fixed --limit 1 --out board --format csv",
    "plan --suite demo --separator mixture -o separator.segment=3 --seed 1",
    "ablate --separator mixture,hdemucs --grid alpha=0,1 --loss mse+{alpha}*sdr --limit 1",
    "leaderboard --suite demo --out board --format json",
    "compare r1 r2 --suite demo --out board --scenes 2",
    "listener show --audiogram 250:20,500:30,1000:40,2000:50 --format json",
    "enhance song.wav -O out.flac --audiogram N3 --request vocals:3 --separator mixture",
    "score song.wav --reference song.wav --audiogram N2 --format markdown --suite quick.toml",
    "power --out board --detect 0.01 --listeners 5 --suite demo",
    "data info --suite demo -o dataset.root=set",
    "suites --format json",
)
QUICK = ("listener", "suites", "leaderboard", "score", "enhance", "compare")
"""Commands that are also done; of the others only the arguments are read."""


def of_command_line(folder: Path, rng: random.Random) -> None:
    """An exit code, no error of Python's, and no file outside the folder."""
    texts = rng.choice(COMMANDS).split()
    at = rng.randrange(1, len(texts))
    if texts[at] != "out.flac":  # it is written where the user says
        # No system hands a program a zero byte.
        damaged = mutated(texts[at].encode(), rng).replace(b"\0", b"")
        texts[at] = damaged.decode("utf-8", "surrogateescape")
    if rng.random() < 0.2:
        texts.insert(rng.randrange(1, len(texts) + 1), rng.choice(texts))
    inside = folder / "line" / "deep"
    if not inside.exists():
        inside.mkdir(parents=True)
        for run_id in ("r1", "r2"):
            fill(Board(inside / "board"), run_id, 0.5, songs=2)
            Board(inside / "board").write_run(run_row(run_id, run_id, "fixed"))
        sound = np.random.default_rng(0).uniform(-0.1, 0.1, (20_000, 2))
        soundfile.write(inside / "song.wav", sound, 44_100)
        (inside / "quick.toml").write_text(
            'name = "q"\n[dataset]\nname = "demo"\n'
            '[evaluation]\nsplit = "valid"\nmetrics = ["lufs"]\n'
        )
    written = (inside / "out.flac", inside / "out.wav")
    for path in written:
        path.unlink(missing_ok=True)
    with contextlib.chdir(inside), contextlib.ExitStack() as stack:
        said = stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        if texts[0] not in QUICK:
            stack.enter_context(patch("click.core.Context.invoke", lambda *_, **__: 2))
        code = run_bench(*texts)
    assert code in (0, 1, 2), (texts, code)
    assert "Traceback" not in said.getvalue(), texts
    assert [path.name for path in inside.parent.iterdir()] == ["deep"], texts
    if code == 2:
        raise BenchError("told")


READERS = {
    "wav": audio_reader("wav"),
    "flac": audio_reader("flac"),
    "aiff": audio_reader("aiff"),
    "metadata": of_metadata,
    "listeners": of_listeners,
    "suite": of_suite,
    "loss": of_loss,
    "audiogram": of_audiogram,
    "board": of_board,
    "weights": of_weights,
    "checkpoint": of_checkpoint,
    "gains": of_gains,
    "ablation": of_ablation,
    "ids": of_ids,
    "command line": of_command_line,
}


SLOW = ("board", "weights", "command line")
"""Kinds of which a quarter as many are read."""


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", READERS)
@pytest.mark.timeout(1200)
def test_what_is_damaged_is_told_or_read(tmp_path: Path, kind: str, count: int) -> None:
    told = 0
    if kind in SLOW:
        count //= 4
    for number in range(count):
        rng, lines = random.Random(f"{kind} {number}"), []
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                READERS[kind](tmp_path, rng)
        except BenchError as error:
            told += 1
            lines = str(error).splitlines()
        except (Exception, SystemExit) as error:
            error.add_note(f"{kind}, input {number}")
            raise
        assert len(lines) <= 2, (number, lines)
    assert told > count / 50
