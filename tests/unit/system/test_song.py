"""A song enhanced: beside the evaluation's own path, in sections, from any file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from bench.commands.songs import make_listener
from bench.errors import BenchError
from bench.spec import choices
from bench.system import song as enhancement
from bench.system.output import to_output
from bench.system.remix import remix, scale_stems
from bench.system.song import enhance_file
from bench.system.system import System, build_system
from tests.helpers.swells import RATE, noise, read

REQUESTED = (6.0, -3.0, 0.0, 3.0)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "song.wav"
    soundfile.write(path, noise(5.0), RATE, subtype="FLOAT")
    return path


@pytest.fixture
def make_system() -> Callable[..., System]:
    def make(**chosen: Any) -> System:
        plugins, _, spec = choices.resolve(separator="mixture", **chosen)
        return build_system(spec, plugins)

    return make


LISTENER = make_listener("N2", "S1")


def test_it_is_what_an_evaluation_would_hand_in(
    song: Path, tmp_path: Path, make_system: Callable[..., System]
) -> None:
    system = make_system()
    done = enhance_file(
        song, tmp_path / "out.flac", system, LISTENER, requested=REQUESTED, sample_rate=32_000
    )
    mixture = torch.from_numpy(soundfile.read(song, dtype="float32")[0].T.copy())[None]
    stems = system.separate(mixture, torch.zeros(0))
    gains = system.gains(stems, torch.tensor([REQUESTED]), [LISTENER]).double()
    own = remix(scale_stems(stems.double(), gains), mixture.double(), RATE)
    expected = to_output(system.amplify(own, [LISTENER])[0], RATE) * 32768
    written = read(done.path)
    assert written.shape == expected.T.shape
    difference = np.abs(written - expected.T.numpy())
    # A last bit of the loudness may move a sample over the border at which it is truncated.
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-4
    assert done.gains.tolist() == list(REQUESTED)
    assert done.clipped == np.mean((written == 32767) | (written <= -32767)) > 0


@pytest.mark.parametrize(
    ("prescription", "options", "steps"),
    [
        ("nalr", {}, 1),
        ("nalr-compressor", {}, 8),
        ("nalr-headroom", {}, 1),
        ("nalr-limiter", {}, 8),
        ("nalr-tuned", {"prescription.steps": 1}, 8),
    ],
)
def test_sections_make_no_seams(
    song: Path,
    tmp_path: Path,
    make_system: Callable[..., System],
    monkeypatch: pytest.MonkeyPatch,
    prescription: str,
    options: dict[str, float],
    steps: int,
) -> None:
    system = make_system(prescription=prescription, options=options)
    whole = enhance_file(song, tmp_path / "whole.wav", system, LISTENER, requested=REQUESTED)
    heard: list[int] = []
    separate, amplify = System.separate, System.amplify

    def spy(self: System, mixture: torch.Tensor, *rest: Any) -> torch.Tensor:
        heard.append(mixture.shape[-1])
        return separate(self, mixture, *rest)

    def spy_too(self: System, signal: torch.Tensor, *rest: Any) -> torch.Tensor:
        heard.append(signal.shape[-1])
        return amplify(self, signal, *rest)

    monkeypatch.setattr(System, "separate", spy)
    monkeypatch.setattr(System, "amplify", spy_too)
    monkeypatch.setattr(enhancement, "SECTION", 1.5)
    monkeypatch.setattr(enhancement, "FADE", 0.2)
    # The compressor has forgotten the start of a section after a few of its time constants.
    monkeypatch.setattr(enhancement, "LEAD", 2.5 if prescription == "nalr-compressor" else 0.1)
    parts = enhance_file(song, tmp_path / "parts.wav", system, LISTENER, requested=REQUESTED)
    assert len(heard) == 8
    # The separator gets a section and half a fade on both sides, the prescription a lead.
    # It begins at a whole second, and sees a second more.
    assert max(heard) <= (1.5 + max(0.2, enhancement.LEAD + 1 + enhancement.TRAIL)) * RATE
    assert np.abs(read(parts.path) - read(whole.path)).max() <= steps
    assert parts.gains == pytest.approx(whole.gains)


def test_mono_of_another_rate(tmp_path: Path, make_system: Callable[..., System]) -> None:
    path = tmp_path / "mono.ogg"
    soundfile.write(path, noise(1.0, channels=1, rate=48_000), 48_000)
    both = make_listener("N2")
    done = enhance_file(path, tmp_path / "deep" / "out.flac", make_system(), both)
    written = read(done.path)
    assert "mono" in done.notes[0]
    assert "48000 Hz" in done.notes[1]
    assert abs(len(written) - RATE - 220) <= 1
    assert (written[:, 0] == written[:, 1]).all()
    assert done.seconds == len(written) / RATE


def test_nothing_is_left_behind(song: Path, tmp_path: Path, make_system: Any) -> None:
    system = make_system()
    system.separator = None  # whatever goes wrong on the way
    with pytest.raises(AttributeError):
        enhance_file(song, tmp_path / "out.flac", system, LISTENER)
    assert [path.name for path in tmp_path.iterdir()] == ["song.wav"]


def broken(path: Path, kind: str) -> Path:
    samples, rate = noise(1.0), RATE
    if kind == "surround":
        samples = noise(1.0, channels=6)
    elif kind == "short":
        samples = noise(0.3)
    elif kind == "nan":
        samples[1000, 1] = np.nan
    elif kind == "text":
        path.write_text("no audio")
        return path
    elif kind == "missing":
        return path
    soundfile.write(path, samples, rate, subtype="FLOAT")
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("surround", "6 channels, expected 1 or 2"),
        ("short", "shorter than 0.4 s"),
        ("nan", "NaN or infinite"),
        ("text", "cannot be read as audio"),
        ("missing", "missing"),
    ],
)
def test_a_wrong_song_is_named(
    tmp_path: Path, make_system: Callable[..., System], kind: str, message: str
) -> None:
    path = broken(tmp_path / f"{kind}.wav", kind)
    with pytest.raises(BenchError, match=message) as caught:
        enhance_file(path, tmp_path / "out.flac", make_system(), LISTENER)
    assert str(path) in str(caught.value)
    assert not (tmp_path / "out.flac").exists()


def test_wrong_outputs_and_systems(
    song: Path, tmp_path: Path, make_system: Callable[..., System]
) -> None:
    system = make_system()
    with pytest.raises(BenchError, match=r"Name it with .flac or .wav"):
        enhance_file(song, tmp_path / "out.mp3", system, LISTENER)
    with pytest.raises(BenchError, match="replace the song"):
        enhance_file(song, song, system, LISTENER)
    system.reads_stems = True
    with pytest.raises(BenchError, match="an oracle needs clean stems"):
        enhance_file(song, tmp_path / "out.flac", system, LISTENER)
