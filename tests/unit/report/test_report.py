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
from boards import fill, pair_rows, run_row, usual_board

from bench.board.store import Board
from bench.errors import BenchError
from bench.leaderboard.headline import Validation
from bench.leaderboard.table import leaderboard
from bench.report import content, curves, figures
from bench.report.page import write_report
from bench.training.guard import GoodhartGuard

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> $x^2$ \x1b[31m&"


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
        row |= {"valid/haaqi/mean": 0.5 + 0.1 * (epoch == 2), "valid/haaqi-net/mean": 0.6}
        if epoch:
            row |= {"loss": 3.0, "loss/mse": 0.1, "loss/sdr": -4.0, "loss/haaqi-net": 0.3}
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
        "one that sees both",
        "Hearing loss",
        "Gains",
        "Where the time went",
        "dataset_fingerprint",
        "HAAQI-Net and SDR in training",
        "True HAAQI beside its proxy",
        "Grades of hearing loss",
        "Gains beyond the request",
    ):
        assert expected in page.text
    labels = [a.get("data-name") for t, a in page.tags if t == "tr" and "data-name" in a]
    assert labels[0] == "oracle + fixed"
    assert len(labels) == 7


def test_figures_are_well_formed_themed_and_named(text: str) -> None:
    found = re.findall(r"<svg .*?</svg>", text, flags=re.DOTALL)
    # One of: overview, hearing loss, grades, ears, genres, stems, time; then the gains
    # and what they are beyond the request, by stem; then the training's curves and four losses.
    assert len(found) == 7 + 4 + 4 + 3 + 4
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


def test_what_each_part_brought(tmp_path: Path) -> None:
    board = Board(tmp_path / "b")
    for seed, (gains, quality) in enumerate((("fixed", 0.6), (HOSTILE, 0.7))):
        spec = {"separator": {"name": "hdemucs"}, "gains": {"name": gains}}
        row = run_row(f"r{seed}", "hdemucs", gains, spec_json=json.dumps(spec))
        board.write_run(row)
        fill(board, f"r{seed}", quality, seed=seed)
    page = write_report(
        board, tmp_path / "out", "demo", "valid", "challenge", baseline="hdemucs + fixed"
    )
    read = Page(page.read_text(encoding="utf-8"))
    assert "What each part brought" in read.text
    assert [tag for tag, _ in read.tags].count("script") == 1
    assert [a["aria-label"] for t, a in read.tags if t == "svg"][1] == (
        "What each part brought: differences in HAAQI"
    )
    scores = board.scores(metric="haaqi")
    means = scores[scores.part == "mean"].groupby("run_id").value.mean()
    told = re.findall(r"[+-]\d\.\d{3}", read.text[read.text.index("Difference of each seed") :])
    assert told[0] == f"{means['r1'] - means['r0']:+.3f}"


# --- content -----------------------------------------------------------------------------------


def test_listeners_against_hearing_loss(board: Board) -> None:
    scores = board.scores("ra")
    found = content.by_listener(scores, "haaqi").set_index("listener")
    assert found.pta.to_dict() == {"L1": 22.5, "L2": 42.5, "L3": 67.5}
    own = scores[(scores.metric == "haaqi") & (scores.part == "mean") & (scores.listener == "L2")]
    assert found.value["L2"] == pytest.approx(own.value.mean())


def test_stems_count_once_a_scene(board: Board) -> None:
    found = content.by_stem(board.scores("ra"), "sdr")
    assert found.groupby("part").size().to_dict() == {"vocals": 16, "drums": 16}


def test_gains_go_with_the_hearing_loss_of_their_ear(board: Board) -> None:
    table = leaderboard(board, "demo", "valid", "challenge")
    found = content.learned_gains(board.scores(), table.rows)
    assert set(found.run_id) == {"revil", "rb"}
    drums = found[found.part == "drums"].set_index("value").pta.to_dict()
    assert drums == {-2.0: 45.0, 4.0: 40.0}
    assert set(found[found.part == "vocals"].pta) == {22.5, 42.5, 67.5}


def test_gains_beyond_the_request(board: Board) -> None:
    table = leaderboard(board, "demo", "valid", "challenge")
    found = content.learned_gains(board.scores(), table.rows, beyond=True)
    # Vocals were asked for at 3 dB and given at 3 dB; of the drums nobody said what was asked for.
    assert set(found.part) == {"vocals"}
    assert set(found.value) == {0.0}
    without_fixed = [row for row in table.rows if row.run["gains"] != "fixed"]
    assert content.learned_gains(board.scores(), without_fixed, beyond=True).empty


def test_groups_of_pairs(board: Board) -> None:
    scores = board.scores("ra")
    # Better ears at 20, 40 and 60 dB HL.
    grades = content.by_grade(scores, "haaqi")
    assert list(grades.part.cat.categories) == ["mild", "moderate", "moderately severe"]
    assert grades.part.value_counts().tolist() == [16, 16, 16]
    ears = content.by_ear(scores, "haaqi").groupby("part", observed=True).value.mean()
    assert ears["left"] - ears["right"] == pytest.approx(0.02)
    genres = content.by_genre(scores, "haaqi")
    assert list(genres.part.cat.categories) == ["Jazz", "Rock"]
    jazz = scores[(scores.metric == "haaqi") & (scores.part == "mean") & (scores.genre == "Jazz")]
    assert genres.value[genres.part == "Jazz"].mean() == pytest.approx(jazz.value.mean())
    assert content.by_genre(scores.assign(genre=""), "haaqi").empty


def test_one_group_is_no_figure(board: Board) -> None:
    table = leaderboard(board, "demo", "valid", "challenge")
    systems = content.systems_of(table)
    genres = content.by_genre(board.scores("ra"), "haaqi")
    assert figures.groups(genres, systems, "genre", "HAAQI") is not None
    assert figures.groups(genres[genres.part == "Jazz"], systems, "genre", "HAAQI") is None


def test_times_are_means_over_pairs(board: Board) -> None:
    found = content.stage_times(board.scores(["ra", "revil"]))
    assert found.loc["ra"].to_dict() == {"separate": 1.5, "render": 0.0}
    assert found.loc["revil", "render"] == pytest.approx(0.5 / 43)
    assert found.loc["revil", "separate"] == pytest.approx(1.5 * 42 / 43)


def test_times_of_a_profile_come_first(board: Board) -> None:
    scores = board.scores("ra")
    profile = scores[scores.metric == "time"].assign(metric="seconds", part="prescribe", value=0.25)
    found = content.stage_times(pd.concat([scores, profile]))
    assert found.loc["ra"].to_dict() == {"prescribe": 0.25}


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


# --- curves of a training ----------------------------------------------------------------------


TRUTH, PROXY = "valid/haaqi/mean", "valid/haaqi-net/mean"
NAMES = Validation(TRUTH, PROXY, {}, "HAAQI", "HAAQI-Net")


def log_of(**columns: list[float]) -> pd.DataFrame:
    names = {"truth": TRUTH, "proxy": PROXY}
    frame = pd.DataFrame({names.get(key, key): values for key, values in columns.items()})
    return frame.rename_axis("epoch")


def test_where_the_proxy_and_the_truth_part() -> None:
    truth = [0.5, 0.6, 0.55, 0.5, 0.45, 0.4, 0.5]
    proxy = [0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9]
    log = log_of(truth=truth, proxy=proxy)
    assert curves.kept_epoch(log, TRUTH) == 1
    # It has fallen from epoch 1 on: three times in a row at epoch 4, and again at 5.
    assert curves.parted_epochs(log, TRUTH, PROXY) == [4, 5]
    assert curves.parted_epochs(log_of(truth=truth, proxy=proxy[::-1]), TRUTH, PROXY) == []
    assert curves.parted_epochs(log_of(truth=truth), TRUTH, PROXY) == []
    [_, together] = curves.training_curves(log, NAMES, "t")[-2:]
    assert "At epoch 4, 5 HAAQI-Net had risen" in together.caption


def test_the_guard_and_the_report_agree() -> None:
    """The trainer's guard speaks at the very epochs that the report names."""
    rng = np.random.default_rng(0)
    truth, proxy = rng.normal(size=(2, 200)).cumsum(axis=1)
    empty = pd.DataFrame({"epoch": [], "name": [], "value": []})
    guard = GoodhartGuard(empty, truth=TRUTH, proxy=PROXY)
    spoke = []
    for epoch, (true, predicted) in enumerate(zip(truth, proxy, strict=True)):
        guard.add({TRUTH: true, PROXY: predicted})
        if guard.warning:
            spoke.append(epoch)
    assert spoke
    log = log_of(truth=truth.tolist(), proxy=proxy.tolist())
    assert curves.parted_epochs(log, TRUTH, PROXY) == spoke


def test_losses_are_turned_into_what_they_stand_for(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}
    monkeypatch.setattr(
        curves, "_curve", lambda axes, values, number, label="": seen.update({number: values})
    )
    log = pd.DataFrame({"loss/haaqi-net@output": [0.4, 0.3], "loss/sdr": [-4.0, -5.0]})
    drawn = curves._prediction_and_ratio(log, NAMES, "t")
    assert drawn is not None
    assert seen[0].tolist() == pytest.approx([0.6, 0.7])
    assert seen[1].tolist() == [4.0, 5.0]
