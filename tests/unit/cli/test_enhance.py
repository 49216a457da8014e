"""``bench enhance``: beside the evaluation's own path, in sections, from any file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.helpers.command_line import Bench
from tests.helpers.swells import RATE, noise, read


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "song.wav"
    soundfile.write(path, noise(5.0), RATE, subtype="FLOAT")
    return path


def test_the_command_says_what_it_did(
    bench: Bench, song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = bench(
        *("enhance", song, "-O", tmp_path / "out.wav", "--audiogram", "N2"),
        *("--separator", "mixture", "--gains", "cnn", "--request", "vocals:6"),
    )
    said = capsys.readouterr()
    assert code == 0
    samples = read(tmp_path / "out.wav")
    share = 100 * np.mean((samples == 32767) | (samples <= -32767))
    assert f"clipped: {share:.2f} %" in said.out
    assert "5.0 s, 44100 Hz" in said.out
    assert "mixture + cnn is used as training would start from it" in said.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no listener given"),
        (["--audiogram", "N9"], "no such standard audiogram"),
        (["--audiogram", "N2", "--request", "vocals=6"], "'vocals=6' is no gain"),
        (["--audiogram", "N2", "--request", "vocals:6,vocals:3"], "'vocals:3' is no gain"),
        (["--audiogram", "N2", "--request", "drum:6"], "Did you mean 'drums'"),
        (["--audiogram", "N2", "--run", "x", "--gains", "cnn"], "--run and --gains"),
        (["--audiogram", "N2", "--run", "x", "--out", "/no/such"], "there is no board here"),
        (["--audiogram", "N2", "--separator", "mixtur"], "Did you mean 'mixture'"),
    ],
)
def test_wrong_options(
    bench: Bench,
    song: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    assert bench("enhance", song, "-O", tmp_path / "out.flac", *arguments) == 2
    assert message in capsys.readouterr().err


def test_without_a_request_nothing_is_separated(
    bench: Bench, song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("enhance", song, "--audiogram", "N2", "-O")
    assert bench(*arguments, tmp_path / "out.wav", "--separator", "hdemucs") == 0
    said = capsys.readouterr().err
    assert "no gains are asked for" in said
    assert "synthesised music alone" not in said
    assert bench(*arguments, tmp_path / "plain.wav", "--separator", "mixture") == 0
    np.testing.assert_array_equal(read(tmp_path / "out.wav"), read(tmp_path / "plain.wav"))
    capsys.readouterr()
    request = ("--separator", "hdemucs", "--request", "vocals:6")
    assert bench(*arguments, tmp_path / "loud.wav", *request) == 0
    assert "the bundled weights know synthesised music alone" in capsys.readouterr().err
