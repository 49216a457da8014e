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
    assert "mixture + cnn (nalr-headroom) is used as training would start from it" in said.err


def test_a_file_that_is_there_is_not_overwritten_in_silence(
    bench: Bench, song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.wav"
    out.write_bytes(b"mine")
    arguments = ("enhance", song, "-O", out, "--audiogram", "N3", "--separator", "mixture")
    assert bench(*arguments) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert out.read_bytes() == b"mine"
    assert bench(*arguments, "--overwrite") == 0
    assert len(read(out))


def test_what_is_listened_to_has_headroom(bench: Bench, tmp_path: Path) -> None:
    song = tmp_path / "loud.wav"
    soundfile.write(song, 0.9 * noise(5.0) / np.abs(noise(5.0)).max(), RATE, subtype="FLOAT")
    shares = {}
    for name, more in (("default", ()), ("nalr", ("--prescription", "nalr"))):
        out = tmp_path / f"{name}.wav"
        assert bench("enhance", song, "-O", out, "--audiogram", "N3", *more) == 0
        shares[name] = np.mean(np.abs(read(out)) >= 32767)
    assert shares["default"] < 0.02 < shares["nalr"]


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


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_half_a_song_is_refused(
    bench: Bench, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    song = tmp_path / f"half.{kind}"
    soundfile.write(song, noise(5.0), RATE, subtype="PCM_16")
    song.write_bytes(song.read_bytes()[: song.stat().st_size // 2])
    assert bench("enhance", song, "-O", tmp_path / "out.flac", "--audiogram", "N2") == 2
    assert f"{song}: the file is truncated" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [song]


def test_a_song_from_a_pipe_is_enhanced_whole(
    bench: Bench, song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    piped, outputs = tmp_path / "piped.wav", []
    soundfile.write(piped, soundfile.read(song)[0], RATE, subtype="PCM_16")
    for size in (None, 0, 0x7FFF_F000):
        if size is not None:
            content = bytearray(piped.read_bytes())
            content[4:8], content[40:44] = bytes(4), size.to_bytes(4, "little")
            piped.write_bytes(content)
        output = tmp_path / f"{size}.wav"
        assert bench("enhance", piped, "-O", output, "--audiogram", "N2") == 0
        outputs.append(output.read_bytes())
    assert outputs[0] == outputs[1] == outputs[2]


def test_the_loudness_that_may_be_lost_is_limited(
    bench: Bench, song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def enhance(name: str, *more: object) -> int:
        parts = ("enhance", song, "-O", tmp_path / name, "--audiogram", "N4", *more)
        return bench(*parts, "--separator", "mixture")

    assert enhance("free.wav", "--prescription", "nalr-headroom") == 0
    assert enhance("limited.wav", "--max-loudness-loss", 0.5) == 0
    free, limited = (read(tmp_path / f"{name}.wav") for name in ("free", "limited"))
    assert np.square(limited).mean() > 1.1 * np.square(free).mean()
    capsys.readouterr()
    assert enhance("none.wav", "--prescription", "nalr", "--max-loudness-loss", 3) == 2
    assert "nalr has no limit" in capsys.readouterr().err
    assert enhance("none.wav", "--run", "r1", "--max-loudness-loss", 3) == 2
    assert "--max-loudness-loss are both given" not in capsys.readouterr().out
    assert not (tmp_path / "none.wav").exists()
