"""Three walks of a new user, in a terminal of 80 and of 120 columns.

Learning the tool, bringing a separator, reading a board. Each command is typed as README and
tutorial have it. It must end as it should, and no table may be wider than the terminal.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT
from tests.helpers.terminal import in_terminal

MEASURED = ROOT / "leaderboards" / "measured"
ABLATION = MEASURED / "demo-ablation" / "board"
REAL = MEASURED / "output-stage" / "board"
WIDTHS = (80, 120)
RULE = re.compile(r"─{3,}")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pseudo-terminals of Linux")


def walk(folder: Path, columns: int, *commands: str, code: int = 0) -> dict[str, str]:
    """What each command showed, checked for its exit code and its width."""
    found = {}
    typed = [[folder if word == "HERE" else word for word in line.split(" ")] for line in commands]
    for line, (_, lines, ended) in zip(commands, in_terminal(typed, columns, folder), strict=True):
        text = "\n".join(lines)
        assert ended == code, f"{line}\n{text}"
        assert "Traceback" not in text
        tables = [part for part in re.split(r"\n\s*\n", text) if RULE.search(part)]
        wide = [row for part in tables for row in part.split("\n") if len(row) > columns]
        assert wide == [], f"{line} at {columns} columns"
        found[line] = text
    return found


@pytest.mark.parametrize("columns", WIDTHS)
def test_learning(tmp_path: Path, columns: int) -> None:
    shown = walk(
        tmp_path,
        columns,
        "--help",
        "run --help",
        "suites",
        "plugins list",
        "plugins show hdemucs",
        "listener show --audiogram N3",
        "ablate --list",
        "leaderboard --published",
    )
    assert "The main command:  bench run --separator hdemucs-ft --gains cnn" in shown["--help"]
    for page in ("--help", "run --help"):
        assert max(map(len, shown[page].split("\n"))) <= 80
    assert "cadenza-icassp-2024" in shown["suites"]
    assert "-o separator.NAME=VALUE" in shown["plugins show hdemucs"]
    lost = walk(tmp_path, columns, "leaderboard", "report", "listen", "runs", code=2)
    for text in lost.values():
        assert "there is no board here" in text
        assert "bench run" in text
    assert list(tmp_path.iterdir()) == []  # nothing was written


@pytest.mark.parametrize("columns", WIDTHS)
def test_bringing_a_separator(tmp_path: Path, columns: int) -> None:
    new = "plugins new my-separator --kind separator"
    shown = walk(tmp_path, columns, new, "plan --separator mixture --gains fixed --out HERE")
    assert "bench plugins check my-separator" in shown[new]
    assert (tmp_path / "my-separator" / "src" / "my_separator" / "separator.py").is_file()
    again = walk(tmp_path, columns, new, "run --separator my-separatr", code=2)
    assert "already exists" in again[new]
    assert "there is no separator 'my-separatr'" in again["run --separator my-separatr"]


@pytest.mark.parametrize("columns", WIDTHS)
def test_reading_a_board(columns: int) -> None:
    shown = walk(
        ABLATION,
        columns,
        "leaderboard --out HERE",
        "leaderboard --out HERE --effects",
    )
    for name in ("oracle + fixed", "hdemucs + fixed"):
        assert name.split(" ")[0] in shown["leaderboard --out HERE"]
    assert "baseline" in shown["leaderboard --out HERE"]
    real = walk(REAL, columns, "leaderboard --out HERE")
    assert "nalr-tuned" in real["leaderboard --out HERE"]
