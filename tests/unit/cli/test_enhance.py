"""``bench enhance``: beside the evaluation's own path, in sections, from any file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.helpers.command_line import Bench
from tests.helpers.suites import WriteSuite
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
    assert "mixture + cnn (nalr-headroom) is used untrained, with its initial weights" in said.err


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


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("song", "the output would replace the song"),
        ("link to song", "the output would replace the song"),
        ("hard link", "the output would replace the song"),
        ("file", "the file already exists"),
        ("link", "the file already exists: a link to"),
        ("dangling", "the file already exists: a link to"),
        ("folder", "it is a folder"),
        ("twin", "differs only in capital letters exists already: OUT.wav"),
        ("accent", "differs only in capital letters exists already: "),
    ],
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_whatever_is_there_is_not_replaced_in_silence(
    bench: Bench,
    song: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    message: str,
    overwrite: bool,
) -> None:
    out, other = tmp_path / "out.wav", tmp_path / "other.wav"
    if kind == "song":
        out = song
    elif kind == "link to song":
        out.symlink_to(song)
    elif kind == "hard link":
        out.hardlink_to(song)
    elif kind == "file":
        out.write_bytes(b"mine")
    elif kind == "link":
        other.write_bytes(b"mine")
        out.symlink_to(other)
    elif kind == "dangling":
        out.symlink_to(other)
    elif kind == "folder":
        out.mkdir()
    elif kind == "twin":
        (tmp_path / "OUT.wav").write_bytes(b"mine")
    else:
        out = tmp_path / "caf\u00e9.wav"
        (tmp_path / "cafe\u0301.WAV").write_bytes(b"mine")
    before = {path.name: path.is_file() and path.read_bytes() for path in tmp_path.iterdir()}
    more = ["--overwrite"] if overwrite else []
    code = bench("enhance", song, "-O", out, "--audiogram", "N3", "--separator", "mixture", *more)
    said = capsys.readouterr().err
    after = {path.name: path.is_file() and path.read_bytes() for path in tmp_path.iterdir()}
    if overwrite and kind not in ("song", "link to song", "hard link", "folder"):
        assert code == 0
        assert len(read(out))
        # What a link leads to, and what only looks like the name, stay as they are.
        kept = {name: content for name, content in before.items() if name != out.name}
        assert {name: after[name] for name in kept} == kept
    else:
        assert code == 2
        expected = message if kind != "song" or overwrite else "would replace the song"
        assert expected in said
        assert after == before


def test_a_file_that_comes_meanwhile_is_not_replaced(
    song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import bench as library
    from bench.system import song as module

    out, amplify = tmp_path / "out.wav", module._amplify

    def slowly(*arguments):  # type: ignore[no-untyped-def]
        out.write_bytes(b"somebody else's")
        return amplify(*arguments)

    monkeypatch.setattr(module, "_amplify", slowly)
    with pytest.raises(library.BenchError, match="already exists"):
        library.enhance(song, out, library.make_listener("N2"), separator="mixture")
    assert out.read_bytes() == b"somebody else's"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.wav", "song.wav"]


def test_what_is_listened_to_has_headroom(bench: Bench, tmp_path: Path) -> None:
    song = tmp_path / "loud.wav"
    soundfile.write(song, 0.9 * noise(5.0) / np.abs(noise(5.0)).max(), RATE, subtype="FLOAT")
    shares = {}
    for name, more in (("default", ()), ("nalr", ("--prescription", "nalr"))):
        out = tmp_path / f"{name}.wav"
        assert bench("enhance", song, "-O", out, "--audiogram", "N3", *more) == 0
        shares[name] = np.mean(np.abs(read(out)) >= 32767)
    assert shares["default"] < 0.02 < shares["nalr"]


def test_a_run_is_listened_to_with_headroom_too(
    bench: Bench,
    small_suite: WriteSuite,
    song: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A run that is amplified as the suite's reference is would clip; one of its own stays so."""
    suite, board = small_suite(metrics=("lufs",)), tmp_path / "board"
    run = ("run", "--suite", suite, "--out", board, "--limit", 1, "--workers", 1)
    run = (*run, "--separator", "mixture", "--no-baselines", "--no-report")
    assert bench(*run) == 0
    assert bench(*run, "--prescription", "nalr-limiter") == 0
    capsys.readouterr()
    enhance = ("enhance", song, "--audiogram", "N3", "--suite", suite, "--out", board)
    files = {}
    for name, more in {
        "run": ["--run", "mixture + fixed (1 pairs)"],
        "nalr run": ["--run", "mixture + fixed (1 pairs)", "--prescription", "nalr"],
        "limiter run": ["--run", "mixture + fixed (nalr-limiter, 1 pairs)"],
        "headroom": ["--separator", "mixture"],
        "nalr": ["--separator", "mixture", "--prescription", "nalr"],
        "limiter": ["--separator", "mixture", "--prescription", "nalr-limiter"],
    }.items():
        assert bench(*enhance, "-O", tmp_path / f"{name}.wav", *more) == 0
        files[name] = read(tmp_path / f"{name}.wav")
        said = capsys.readouterr().err
        assert ("the run is scored with nalr: --prescription nalr" in said) is (name == "run")
    np.testing.assert_array_equal(files["run"], files["headroom"])
    np.testing.assert_array_equal(files["nalr run"], files["nalr"])
    np.testing.assert_array_equal(files["limiter run"], files["limiter"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no listener given"),
        (["--audiogram", "N9"], "no such standard audiogram"),
        (["--audiogram", "N2", "--request", "vocals=6"], "'vocals=6' is not a gain"),
        (["--audiogram", "N2", "--request", "vocals:6,vocals:3"], "'vocals:3' is not a gain"),
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
    assert "no gains are requested" in said
    assert "synthesised music only" not in said
    assert bench(*arguments, tmp_path / "plain.wav", "--separator", "mixture") == 0
    np.testing.assert_array_equal(read(tmp_path / "out.wav"), read(tmp_path / "plain.wav"))
    capsys.readouterr()
    request = ("--separator", "hdemucs", "--request", "vocals:6")
    assert bench(*arguments, tmp_path / "loud.wav", *request) == 0
    assert "the bundled weights were trained on synthesised music only" in capsys.readouterr().err


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
