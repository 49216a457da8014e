"""Commands in a terminal of a certain width, as a user sees them."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import sys
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

_SCRIPT = """
import json, sys, traceback
from bench.cli import main
for words in json.loads(sys.argv[1]):
    print("$", *words, flush=True)
    try:
        main(words)
    except SystemExit as ended:
        print("=", ended.code or 0, flush=True)
    except Exception:  # what --debug raises
        traceback.print_exc()
        print("=", 1, flush=True)
"""
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
    words = json.dumps([[str(word) for word in command] for command in commands])
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.environ.pop("COLUMNS", None)
        os.environ.update(TERM="xterm-256color", BENCH_LOAD_PLUGINS="")
        os.environ.update(variables or {})
        os.execv(sys.executable, [sys.executable, "-c", _SCRIPT, words])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
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
    os.waitpid(child, 0)
    return _parted(_ESCAPES.sub("", shown.decode("utf-8")).replace("\r\n", "\n"))


def _parted(text: str) -> list[tuple[list[str], list[str], int]]:
    found = []
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        first, *lines = part.rstrip("\n").split("\n")
        code = int(lines.pop().removeprefix("= "))
        # What a progress bar overwrote was not left on the screen.
        found.append((first.split(" "), [line.rpartition("\r")[2] for line in lines], code))
    return found
