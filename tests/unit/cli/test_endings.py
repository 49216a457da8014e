"""How the command line ends: by a signal, on a full disk, before a terminal without accents."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile

import bench.cli as cli
from tests.helpers.command_line import Bench
from tests.helpers.swells import RATE, noise
from tests.helpers.work import USUAL_SIGNALS, is_there

ROOT = Path(__file__).parents[3]

# A command that goes on for two minutes, in two processes.
WAITING = """
import sys, click
from bench import cli
from tests.helpers.work import waiting_pool

@click.command()
@click.argument("folder")
def command(folder):
    waiting_pool(folder)

cli.group.get_command = lambda context, name: command
cli.main(["run", sys.argv[1]])
"""


def started(tmp_path: Path) -> tuple[subprocess.Popen[str], list[int]]:
    """A command with two workers, which are at work, and their ids."""
    folder = tmp_path / "work"
    folder.mkdir()
    process = subprocess.Popen(
        [*USUAL_SIGNALS, sys.executable, "-c", WAITING, str(folder)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 60
    while len(list(folder.iterdir())) < 2:
        assert time.monotonic() < until
        time.sleep(0.05)
    return process, [int(path.name) for path in folder.iterdir()]


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGKILL, -9)],
)
def test_a_signal_ends_the_workers_too(tmp_path: Path, number: int, code: int) -> None:
    process, workers = started(tmp_path)
    process.send_signal(number)
    try:
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == code
    assert "Traceback" not in err
    if code > 0:
        assert "run the same command again to resume" in err
    until = time.monotonic() + 5
    while any(map(is_there, workers)):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with cli._ended_by_signals():
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_song_that_is_broken_off_leaves_no_file(tmp_path: Path, number: int) -> None:
    song = tmp_path / "song.wav"
    soundfile.write(song, noise(60.0), RATE, subtype="PCM_16")
    script = (
        "import sys, time\n"
        "from bench import cli\n"
        "from bench.system import song\n"
        "def wait(*_):\n    print('here', flush=True)\n    time.sleep(60)\n"
        "song._separate = wait\n"
        "cli.main(sys.argv[1:])\n"
    )
    arguments = ["enhance", song, "-O", tmp_path / "out.flac", "--audiogram", "N2"]
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"here\n"
    process.send_signal(number)
    process.wait(timeout=20)
    process.stdout.close()
    assert list(tmp_path.iterdir()) == [song]


def test_a_disk_that_fills_up_is_told(
    bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    song = tmp_path / "song.wav"
    soundfile.write(song, noise(3.0), RATE, subtype="PCM_16")

    def full(handle: int, start: int, size: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    assert bench("enhance", song, "-O", tmp_path / "out.flac", "--audiogram", "N2") == 2
    assert "out.flac: cannot be written: No space left on device" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [song]


def test_an_error_of_the_system_is_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "/board/runs.parquet")

    monkeypatch.setattr(cli.group, "main", full)
    with pytest.raises(SystemExit) as caught:
        cli.main([])
    assert caught.value.code == 2
    assert capsys.readouterr().err == "error: /board/runs.parquet: No space left on device\n"
    with pytest.raises(OSError, match="No space"):
        cli.main(["--debug"])


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_has_no_accents(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    output = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(cli.group, "main", lambda **_: print("Bär – 1 ± 0.2", end="", flush=True))
    with pytest.raises(SystemExit):
        cli.main([])
    found = output.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
    assert found == (
        "B\\xe4r \\u2013 1 \\xb1 0.2" if encoding == "ascii" else "Bär \\u2013 1 ± 0.2"
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_tables_in_that_terminal(encoding: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "listener", "show", "--audiogram", "N3"],
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": encoding},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert b"dB" in done.stdout
