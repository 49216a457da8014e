"""Listening pages and tests: whole, safe, and blind where they must be."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from bench.listening.audio import RATE
from bench.listening.page import write_pages
from tests.helpers.heard import RUNS, SECONDS, board_of, data_of, heard, samples_of, stored_runs

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m'\""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    labels = {**RUNS, "rone": HOSTILE}
    board = board_of(folder / "board", labels, scenes=("s1",))
    pairs = [heard("s1", "L1", HOSTILE), heard("s2", "L2")]
    return write_pages(board, folder / "out", stored_runs(labels), pairs)


def test_a_page_a_pair_and_links_between_them(page: Path) -> None:
    assert sorted(path.name for path in page.parent.iterdir()) == ["index.html", "pair-2.html"]
    text = page.read_text(encoding="utf-8")
    assert re.findall(r'href="([^"]*)"', text) == ["index.html", "pair-2.html"]


def test_a_page_is_whole_and_safe(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"<script[^>]*>", text) == [
        '<script type="application/json" id="pair">',
        "<script>",
    ]
    assert "<img src=x" not in text
    assert "\x1b" not in text
    assert not re.search(r"""(src|href)=["'](http|//)|url\(|@import""", text)
    assert "default-src &#39;none&#39;" in text


def test_the_audio_is_in_the_page_at_one_length(page: Path) -> None:
    data = data_of(page.read_text(encoding="utf-8"), "pair")
    assert [way["name"] for way in data["ways"]] == ["remix", "amplified", "simulated"]
    names = ["mixture", "reference", "rone", "rtwo"]
    assert list(data["ways"][0]["signals"]) == names
    expected = heard("s1").ways["remix"].signals
    for name in names:
        found = samples_of(data["ways"][0]["signals"][name]["audio"])
        assert found.shape == (2, round(SECONDS * RATE))
        assert np.abs(found / 32768 - expected[name]).max() <= 1 / 32768


def test_scores_and_gains_stand_beside(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    rows = re.findall(r'<tr data-signal="(\w+)">(.*?)</tr>', text, flags=re.DOTALL)
    cells = {name: re.findall(r'<td class="number">([^<]*)</td>', row) for name, row in rows}
    assert cells["mixture"] == ["–"] * 7
    assert cells["reference"] == ["–", "–", "–", "+3.0", "-6.0", "+0.0", "+1.0"]
    assert cells["rone"] == ["0.500", "0.500", "–", "+3.0", "-6.0", "+0.0", "+1.0"]
    ears = ["+0.0 / +4.0", "+1.0 / +5.0", "+2.0 / +6.0", "+3.0 / +7.0"]
    assert cells["rtwo"] == ["0.600", "0.600", "–", *ears]
