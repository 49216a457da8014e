"""Files and texts that are damaged at random: a clear error or a right value, never a traceback.

A batch of each kind is part of the default tests; ``make test-all`` reads many more.
"""

from __future__ import annotations

import json
import math
import os
import random
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bench.data import CadenzaOptions
from bench.data.audio import AudioFile, read_samples
from bench.data.cadenza import CadenzaDataset
from bench.data.listeners import read_listeners
from bench.errors import BenchError
from bench.hearing.audiograms import parse_audiogram
from bench.spec.loss import LossExpression
from bench.spec.suite import load_suite
from tests.helpers.cadenza_set import metadata, write_set

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


READERS = {
    "wav": audio_reader("wav"),
    "flac": audio_reader("flac"),
    "aiff": audio_reader("aiff"),
    "metadata": of_metadata,
    "listeners": of_listeners,
    "suite": of_suite,
    "loss": of_loss,
    "audiogram": of_audiogram,
}


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", READERS)
@pytest.mark.timeout(1200)
def test_what_is_damaged_is_told_or_read(tmp_path: Path, kind: str, count: int) -> None:
    told = 0
    for number in range(count):
        rng, lines = random.Random(f"{kind} {number}"), []
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                READERS[kind](tmp_path, rng)
        except BenchError as error:
            told += 1
            lines = str(error).splitlines()
        except Exception as error:
            error.add_note(f"{kind}, input {number}")
            raise
        assert len(lines) <= 2, (number, lines)
    assert told > count / 50
