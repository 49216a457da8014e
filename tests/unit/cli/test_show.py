"""``bench show``: a run by the name that a leaderboard shows, in lines that can be read."""

from __future__ import annotations

import json

import pytest

from tests.helpers.command_line import Bench
from tests.helpers.paths import ROOT

BOARD = ROOT / "leaderboards" / "measured" / "demo-ablation" / "board"


def test_a_run_of_an_ablation(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("show", "hdemucs + cnn (1*haaqi-light)", "--out", BOARD) == 0
    said = capsys.readouterr().out
    lines = [line for line in said.splitlines() if "bench listen" not in line]
    assert max(map(len, lines)) <= 100
    assert "weights          not on this board" in lines[20]
    assert any(line.startswith("  created ") and line.endswith(" UTC") for line in lines)
    settings = said.split("\nSettings\n")[1]
    assert "separator.overlap " in settings
    assert "{" not in said
    assert bench("show", "hdemucs + fixed", "--out", BOARD, "--format", "json") == 0
    run = json.loads(capsys.readouterr().out)["run"]
    assert run["label"] == "hdemucs + fixed (8 pairs)"
    assert json.loads(run["spec_json"])["limit"] == 8
