"""Commands in a terminal of a certain width, as a user sees them."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import sys
import termios
import traceback
from collections.abc import Mapping, Sequence
from multiprocessing.reduction import DupFd
from pathlib import Path

from tests.helpers import warm

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def in_terminal(
    commands: Sequence[Sequence[object]],
    columns: int,
    folder: Path,
    *,
    variables: Mapping[str, str] | None = None,
) -> list[tuple[list[str], list[str], int]]:
    """Run ``bench`` commands one after the other in a terminal, all in one process.

    Plugins of other packages are not loaded, unless the environment's `variables` say so.

    Returns:
        For each command its words, the lines that it showed, and its exit code.
    """
    terminal, inside = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    words = [[str(word) for word in command] for command in commands]
    own = {"TERM": "xterm-256color", "BENCH_LOAD_PLUGINS": "", **(variables or {})}
    process = warm.context().Process(  # type: ignore[attr-defined]
        target=_run, args=(_Terminal(inside), str(folder), own, words)
    )
    process.start()
    os.close(inside)
    shown = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(terminal)
    process.join()
    return _parted(_ESCAPES.sub("", shown.decode("utf-8")).replace("\r\n", "\n"))


class _Terminal:
    """The inner end of a terminal, for another process."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def __getstate__(self) -> dict[str, object]:
        return {"_handle": DupFd(self._handle)}

    def __setstate__(self, state: dict[str, DupFd]) -> None:
        self._handle = state["_handle"].detach()

    def take(self) -> None:
        """Let this process have the terminal for its input and output."""
        os.setsid()
        fcntl.ioctl(self._handle, termios.TIOCSCTTY, 0)
        for number in range(3):
            os.dup2(self._handle, number)
        os.close(self._handle)
        sys.stdin = sys.__stdin__ = open(0, closefd=False)  # noqa: SIM115
        sys.stdout = sys.__stdout__ = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
        sys.stderr = sys.__stderr__ = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115


def _run(
    terminal: _Terminal, folder: str, variables: Mapping[str, str], commands: list[list[str]]
) -> None:
    """In the process that has the terminal: run commands, and say what and how each ended."""
    terminal.take()
    os.chdir(folder)
    os.environ.pop("COLUMNS", None)
    os.environ.update(variables)
    added = variables.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:0] = [path for path in added if path and path not in sys.path]
    sys.argv = ["-c"]
    from bench.cli import main

    for words in commands:
        print("$", *words, flush=True)
        try:
            main(words)
        except SystemExit as ended:
            print("=", ended.code or 0, flush=True)
        except Exception:  # what --debug raises
            traceback.print_exc()
            print("=", 1, flush=True)


def _parted(text: str) -> list[tuple[list[str], list[str], int]]:
    found = []
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        first, *lines = part.rstrip("\n").split("\n")
        code = int(lines.pop().removeprefix("= "))
        # What a progress bar overwrote was not left on the screen.
        found.append((first.split(" "), [line.rpartition("\r")[2] for line in lines], code))
    return found
