"""The report: content taken from a board, a page that is whole, safe and readable from disk."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from bench.board.store import Board
from bench.errors import BenchError
from bench.leaderboard.table import leaderboard
from bench.report import content
from bench.report.page import write_report
from tests.helpers.boards import HOSTILE_MARKUP, fill, run_row


class Page(HTMLParser):
    """Tags with attributes, and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.scripts: list[str] = []
        self._in = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in = tag

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in == "script":
            self.scripts.append(data)
        elif self._in != "style":
            self.text += data


@pytest.fixture(scope="module")
def written(board: Board, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(
        board, tmp_path_factory.mktemp("out") / "report", "demo", "valid", "challenge"
    )


@pytest.fixture(scope="module")
def text(written: Path) -> str:
    return written.read_text(encoding="utf-8")


def test_the_folder_is_complete(written: Path, board: Board) -> None:
    assert sorted(path.name for path in written.parent.iterdir()) == [
        "index.html",
        "leaderboard.csv",
        "leaderboard.json",
    ]
    frame = pd.read_csv(written.parent / "leaderboard.csv")
    assert len(frame) == len(board.runs())


def test_nothing_comes_from_elsewhere(text: str) -> None:
    page = Page(text)
    links = [
        str(value)
        for _, attributes in page.tags
        for name, value in attributes.items()
        if name in ("src", "href", "xlink:href", "action", "srcset")
    ]
    assert set(links) - {"leaderboard.csv", "leaderboard.json"} == {
        link for link in links if link.startswith("#")
    }
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


def test_hostile_names_do_no_harm(text: str) -> None:
    page = Page(text)
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not [tag for tag, _ in page.tags if tag in ("img", "iframe", "object", "embed")]
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert "alert(1)" in page.text
    assert "\x1b" not in text
    assert len(page.scripts) == 1
    assert "alert" not in page.scripts[0]


def test_the_policy_lets_only_our_script_run(text: str) -> None:
    page = Page(text)
    [policy] = [a["content"] for t, a in page.tags if a.get("http-equiv")]
    digest = base64.b64encode(hashlib.sha256(page.scripts[0].encode()).digest()).decode()
    assert policy is not None
    assert f"script-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")


def test_the_page_says_what_must_be_known(text: str) -> None:
    page = Page(text)
    for expected in (
        "remixed with the gains that the scene requests",
        "it is given the clean stems",
        "it failed: it exploded",
        "1 pair failed",
        "Each cause is listed once.",
        "one that sees both",
        "Hearing loss",
        "Gains",
        "Where the time went",
        "dataset_fingerprint",
        "Proxy in training and SDR in training, by epoch",
        "True HAAQI and its prediction",
        "Grades of hearing loss",
        "Gains beyond those requested",
    ):
        assert expected in page.text
    labels = [a.get("data-name") for t, a in page.tags if t == "tr" and "data-name" in a]
    assert labels[0] == "oracle + fixed"
    assert len(labels) == 7


def test_figures_are_well_formed_themed_and_named(text: str) -> None:
    found = re.findall(r"<svg .*?</svg>", text, flags=re.DOTALL)
    # The forest of differences: all pairs, and three grades. One of: overview, hearing loss,
    # grades, ears, genres, stems, time; then the gains
    # and what they are beyond the request, by stem; then of the training: truth (mean, left,
    # right), prediction and SDR, both together, four losses.
    assert len(found) == 4 + 7 + 4 + 4 + 3 + 2 + 1 + 4
    for svg in found:
        root = ElementTree.fromstring(svg)
        assert root.get("viewBox")
        assert root.get("width") is None
        assert root.get("aria-label")
        assert "var(--ink)" in svg
        assert not re.search(r"#0[0-9a]0[1-4a]0[1-4a]", svg)
    ids = re.findall(r'<clipPath id="([^"]+)"', text)
    assert len(set(ids)) == len(ids)


def test_an_empty_report_is_never_written_over_a_good_one(tmp_path: Path, board: Board) -> None:
    page = write_report(board, tmp_path, "demo", "valid", "challenge")
    good = page.read_bytes()
    with pytest.raises(BenchError, match="no runs of suite own-suite"):
        write_report(board, tmp_path, "own-suite", "eval", "challenge")
    assert page.read_bytes() == good


def test_a_training_that_has_no_scores_yet_is_shown(tmp_path: Path) -> None:
    board = Board(tmp_path / "b")
    board.write_run(run_row("rrun", "hdemucs-ft", "cnn", status="running"))
    board.append_epoch("rrun", {"epoch": 0, "valid/sdr/mean": 3.0, "valid/haaqi-light/mean": 0.4})
    page = write_report(board, tmp_path / "out", "demo", "valid", "challenge")
    assert "SDR in validation" in Page(page.read_text(encoding="utf-8")).text


def test_a_folder_that_cannot_be_written(tmp_path: Path, board: Board) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BenchError, match="cannot be written"):
        write_report(board, tmp_path / "file", "demo", "valid", "challenge")


def test_what_each_part_brought(tmp_path: Path) -> None:
    board = Board(tmp_path / "b")
    for seed, (gains, quality) in enumerate((("fixed", 0.6), (HOSTILE_MARKUP, 0.7))):
        spec = {"separator": {"name": "hdemucs"}, "gains": {"name": gains}}
        row = run_row(f"r{seed}", "hdemucs", gains, spec_json=json.dumps(spec))
        board.write_run(row)
        fill(board, f"r{seed}", quality, seed=seed)
    page = write_report(
        board, tmp_path / "out", "demo", "valid", "challenge", baseline="hdemucs + fixed"
    )
    read = Page(page.read_text(encoding="utf-8"))
    assert "Effect of each part" in read.text
    assert [tag for tag, _ in read.tags].count("script") == 1
    labels = [a["aria-label"] for t, a in read.tags if t == "svg"]
    assert "Effect of each part: differences in HAAQI" in labels
    scores = board.scores(metric="haaqi")
    means = scores[scores.part == "mean"].groupby("run_id").value.mean()
    told = re.findall(r"[+-]\d\.\d{3}", read.text[read.text.index("Difference of each seed") :])
    assert told[0] == f"{means['r1'] - means['r0']:+.3f}"


def test_the_best_epoch_is_the_one_that_is_marked(board: Board) -> None:
    table = leaderboard(board, "demo", "valid", "challenge")
    log = content.training_of(board, table.rows)["revil"]
    assert list(log.index) == [0, 1, 2, 3]
    assert int(log["valid/haaqi/mean"].argmax()) == 2
    assert np.isnan(log["loss"][0])


def test_the_page_begins_with_the_verdict_and_a_dot_for_each_song(text: str) -> None:
    page = Page(text)
    (sentence,) = re.findall(r"<p>(hdemucs-ft \+ \S+ is 0\.1.*?)</p>", text)
    assert "better than the baseline hdemucs + fixed in HAAQI (8 songs, 3 listeners)" in sentence
    assert text.index(sentence) < text.index("<table")
    labels = [a["aria-label"] for t, a in page.tags if t == "svg"]
    assert labels[0] == "Difference in HAAQI to hdemucs + fixed, all pairs, one dot per song"
    assert [label.split(", ")[1] for label in labels[1:4]] == [
        "mild", "moderate", "moderately severe",
    ]  # fmt: skip


def test_columns_say_their_direction_and_sort_the_best_first(text: str) -> None:
    first = {name.strip(): order for order, name in re.findall(
        r'data-first="(\w+)"><button type="button" title="[^"]*">([^<]*)', text
    )}  # fmt: skip
    assert first["HAAQI"] == first["SDR dB"] == "descending"
    assert first["Clipped %"] == first["LUFS diff."] == "ascending"
    assert 'title="' in text
    assert text.count("↓") >= 1
    assert text.count("↑") >= 3
    glossary = text[text.index('id="glossary"') :]
    for word in ("HAAQI", "To baseline", "dB HL", "SDR"):
        assert word in glossary


def test_text_in_figures_is_readable_on_a_phone(text: str) -> None:
    for svg in re.findall(r"<svg .*?</svg>", text, flags=re.DOTALL):
        width = float(re.findall(r'viewBox="0 0 ([\d.]+)', svg)[0])
        sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)px", svg)]
        # A phone of 360 pixels leaves 320 for a figure.
        assert min(sizes) * 320 / width >= 11.0


def test_a_printed_report_opens_what_is_folded_and_breaks_between_parts(text: str) -> None:
    style = text[text.index("@media print") :]
    assert "landscape" in text
    assert "break-inside: avoid" in style
    assert "details::details-content" in style
    assert "overflow: visible" in style
