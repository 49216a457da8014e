"""The report: content taken from a board, a page that is whole, safe and readable from disk."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from boards import fill, pair_rows, run_row, usual_board

from bench.errors import BenchError
from bench.leaderboard.store import Board
from bench.leaderboard.table import leaderboard
from bench.report import content, figures
from bench.report.page import write_report

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> $x^2$ \x1b[31m&"
CHROMIUM = shutil.which("chromium")


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
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    """The usual board with a training, failures, gains by ear, and hostile names everywhere."""
    board = usual_board(tmp_path_factory.mktemp("board"))
    board.write_run(
        run_row("revil", "hdemucs-ft", "cnn", label=HOSTILE, hardware=HOSTILE, loss="mse + sdr")
        | {"spec_json": '{"name": "</pre><script>alert(3)</script>"}'}
    )
    fill(board, "revil", 0.65, songs=7)
    values = {
        ("haaqi", "mean"): 0.5,
        ("gains", "left-drums"): -2.0,
        ("gains", "right-drums"): 4.0,
        ("time", "render"): 0.5,
    }
    board.append_scores(
        "revil", "ears", [row | {"song": HOSTILE} for row in pair_rows(7, "L2", values)]
    )
    failed = {("haaqi", "mean"): None, ("sdr", "mean"): None}
    board.append_scores("revil", HOSTILE, pair_rows(7, "L1", failed, reason=HOSTILE))
    for epoch in range(4):
        row = {"epoch": epoch, "valid/haaqi/left": 0.5, "valid/haaqi/right": 0.6}
        row |= {"valid/haaqi/mean": 0.5 + 0.1 * (epoch == 2)}
        if epoch:
            row |= {"loss": 3.0, "loss/mse": 0.1, "loss/sdr": -4.0, "loss/haaqi-net": -0.7}
        board.append_epoch("revil", row)
    board.write_run(run_row("rfail", "open-unmix", "none", status="failed", failure="it exploded"))
    return board


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
        "remixed with the gains that the scene asks for",
        "it is given the clean stems",
        "it failed: it exploded",
        "1 pair failed",
        "2 scores could not be had",
        "cnn-residual sees both",
        "Hearing loss",
        "Gains",
        "Where the time went",
        "dataset_fingerprint",
        "HAAQI-Net's prediction and SDR in training",
    ):
        assert expected in page.text
    labels = [a.get("data-name") for t, a in page.tags if t == "tr" and "data-name" in a]
    assert labels[0] == "oracle + fixed"
    assert len(labels) == 7


def test_figures_are_well_formed_themed_and_named(text: str) -> None:
    found = re.findall(r"<svg .*?</svg>", text, flags=re.DOTALL)
    assert len(found) == 4 + 4 + 1 + 1 + 4  # shown once, gains, the training's three
    for svg in found:
        root = ElementTree.fromstring(svg)
        assert root.get("viewBox")
        assert root.get("width") is None
        assert root.get("aria-label")
        assert "var(--ink)" in svg
        assert not re.search(r"#0[0-9a]0[1-4a]0[1-4a]", svg)
    ids = re.findall(r'<clipPath id="([^"]+)"', text)
    assert len(set(ids)) == len(ids)


def test_the_same_board_gives_the_same_figures(board: Board) -> None:
    table = leaderboard(board, "demo", "valid", "challenge")
    one, two = (figures.overview(table, content.systems_of(table)) for _ in range(2))
    assert one == two


def test_an_empty_board_has_a_page(tmp_path: Path) -> None:
    page = write_report(Board(tmp_path / "b"), tmp_path / "out", "own-suite", "eval", "challenge")
    assert "No runs yet." in Page(page.read_text(encoding="utf-8")).text


def test_a_training_that_has_no_scores_yet_is_shown(tmp_path: Path) -> None:
    board = Board(tmp_path / "b")
    board.write_run(run_row("rrun", "hdemucs-ft", "cnn", status="running"))
    board.append_epoch("rrun", {"epoch": 0, "valid/sdr/mean": 3.0, "valid/haaqi-net/mean": 0.4})
    page = write_report(board, tmp_path / "out", "demo", "valid", "challenge")
    assert "SDR in validation" in Page(page.read_text(encoding="utf-8")).text


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BenchError, match="cannot be written"):
        write_report(Board(tmp_path), tmp_path / "file", "demo", "valid", "challenge")


# --- content -----------------------------------------------------------------------------------


def test_listeners_against_hearing_loss(board: Board) -> None:
    scores = board.scores("ra")
    found = content.by_listener(scores).set_index("listener")
    assert found.pta.to_dict() == {"L1": 22.5, "L2": 42.5, "L3": 67.5}
    own = scores[(scores.metric == "haaqi") & (scores.part == "mean") & (scores.listener == "L2")]
    assert found.value["L2"] == pytest.approx(own.value.mean())


def test_stems_count_once_a_scene(board: Board) -> None:
    found = content.by_stem(board.scores("ra"))
    assert found.groupby("part").size().to_dict() == {"vocals": 16, "drums": 16}


def test_gains_go_with_the_hearing_loss_of_their_ear(board: Board) -> None:
    table = leaderboard(board, "demo", "valid", "challenge")
    found = content.learned_gains(board.scores(), table.rows)
    assert set(found.run_id) == {"revil", "rb"}
    drums = found[found.part == "drums"].set_index("value").pta.to_dict()
    assert drums == {-2.0: 45.0, 4.0: 40.0}
    assert set(found[found.part == "vocals"].pta) == {22.5, 42.5, 67.5}


def test_times_are_means_over_pairs(board: Board) -> None:
    found = content.stage_times(board.scores(["ra", "revil"]))
    assert found.loc["ra"].to_dict() == {"separate": 1.5, "render": 0.0}
    assert found.loc["revil", "render"] == pytest.approx(0.5 / 43)
    assert found.loc["revil", "separate"] == pytest.approx(1.5 * 42 / 43)


def test_failures_are_listed_up_to_a_limit(monkeypatch: pytest.MonkeyPatch, board: Board) -> None:
    scores = board.scores("revil")
    found, count = content.failures(scores, {"revil": "a label"})
    assert (len(found), count) == (2, 2)
    assert found[0].label == "a label"
    assert "\x1b" not in found[0].reason
    monkeypatch.setattr(content, "MOST_FAILURES", 1)
    assert content.failures(scores, {})[1] == 2
    assert len(content.failures(scores, {})[0]) == 1


def test_the_best_epoch_is_the_one_that_is_marked(board: Board) -> None:
    table = leaderboard(board, "demo", "valid", "challenge")
    log = content.training_of(board, table.rows)["revil"]
    assert list(log.index) == [0, 1, 2, 3]
    assert int(log["valid/haaqi/mean"].argmax()) == 2
    assert np.isnan(log["loss"][0])


# --- in a browser ------------------------------------------------------------------------------


def dom_of(page: Path, profile: Path) -> str:
    assert CHROMIUM is not None
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    flags += ["--disable-background-networking", "--disable-component-update", "--disable-quic"]
    command = [CHROMIUM, *flags, f"--user-data-dir={profile}", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
def test_the_script_runs_under_its_policy(written: Path, tmp_path: Path) -> None:
    dom = dom_of(written, tmp_path)
    assert "7 of 7 rows" in dom
    assert "alert" not in Page(dom).scripts[0]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
def test_sorting_and_filtering_in_a_browser(text: str, tmp_path: Path) -> None:
    clicks = """
    const names = () => [...document.querySelectorAll("#leaderboard tbody tr")]
      .filter((row) => !row.hidden).map((row) => row.dataset.name.slice(0, 24)).join("; ");
    const press = (title) => [...document.querySelectorAll("#leaderboard th button")]
      .find((button) => button.textContent === title).click();
    const seen = [];
    press("HAAQI"); seen.push(names());
    press("HAAQI"); seen.push(names());
    const input = document.getElementById("filter");
    input.value = "HDEMUCS fixed"; input.dispatchEvent(new Event("input")); seen.push(names());
    document.body.textContent = JSON.stringify(seen);
    """
    page = tmp_path / "page.html"
    free = re.sub(r'<meta http-equiv="Content-Security-Policy".*?>', "", text)
    page.write_text(free.replace("</body>", f"<script>{clicks}</script></body>"), encoding="utf-8")
    falling, rising, filtered = (
        part.split("; ")
        for part in re.findall(r'"([^"]*)"', Page(dom_of(page, tmp_path / "profile")).text)
    )
    assert falling[0] == "oracle + fixed"
    assert falling[-2:] == ["mixture + fixed", "open-unmix + none"]
    assert rising[0] == "mixture + fixed"
    assert rising[-1] == "open-unmix + none"
    assert sorted(filtered) == ["hdemucs + fixed", "hdemucs-ft + fixed"]
