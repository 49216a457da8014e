"""A report of several seeds and of contrasts named beforehand."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from bench.report.page import write_report
from tests.helpers.boards import fill, known_board, run_row

CONTRASTS = [("hdemucs-ft + fixed", "hdemucs + fixed"), ("<script>", "hdemucs + fixed")]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    board = known_board(tmp_path_factory.mktemp("board"))
    for seed, quality in enumerate((0.70, 0.72, 0.68)):
        spec = {"separator": "hdemucs-ft", "gains": "cnn", "loss": "mse", "seed": seed}
        label = f"hdemucs-ft + cnn (seed {seed})"
        row = run_row(f"rseed{seed}", "hdemucs-ft", "cnn", label=label, seed=seed)
        board.write_run(row | {"spec_json": json.dumps(spec)})
        fill(board, f"rseed{seed}", quality, seed=20 + seed)
    out = tmp_path_factory.mktemp("out")
    return write_report(board, out, "demo", "valid", "challenge", contrasts=CONTRASTS)


@pytest.fixture(scope="module")
def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_seeds_are_one_row_that_opens(text: str) -> None:
    body = re.findall(r'<tr data-name="([^"]*)"', text)
    assert len(body) == 5 + 1
    assert "hdemucs-ft + cnn" in body
    [found] = re.findall(r"<details[^>]*><summary>3 seeds</summary>(.*?)</details>", text, re.S)
    for seed in range(3):
        assert f"hdemucs-ft + cnn (seed {seed}): " in found
    assert "6 systems, 8 songs" in text
    assert "its interval over seeds" in text


def test_the_csv_has_the_summary_and_its_seeds(page: Path) -> None:
    frame = pd.read_csv(page.parent / "leaderboard.csv")
    assert len(frame) == 5 + 1 + 3
    [line] = frame[frame.seeds == 3].to_dict("records")
    singles = frame[(frame.system == line["system"]) & (frame.seeds == 1)]
    assert line["haaqi"] == pytest.approx(singles.haaqi.mean(), rel=1e-12)


def test_contrasts_and_medians_are_shown(text: str) -> None:
    assert "Contrasts named beforehand" in text
    assert "<td>hdemucs + fixed</td>" in text
    assert text.count("<script>") == 1
    assert "&lt;script&gt;" in text
    assert "<small>M 9.00</small>" in text
