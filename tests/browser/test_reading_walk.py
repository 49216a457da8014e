"""The walk of a reader: report, listening page and blind test in light, dark, on a phone, printed.

With ``SCREENSHOTS=FOLDER`` the pictures are kept, to be looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bench
from bench.listening.blind import make_test
from bench.listening.page import write_pages
from bench.listening.questions import Question
from tests.browser.looking import beyond, cut_off, picture, smallest_text
from tests.browser.playing import READY
from tests.helpers.boards import known_board, run_row
from tests.helpers.heard import board_of, heard, stored_runs
from tests.helpers.paths import ROOT

pytestmark = pytest.mark.slow

MEASURED = ROOT / "leaderboards" / "measured"
BOARDS = {name: MEASURED / name / "board" for name in ("demo-ablation", "output-stage")}
FOREST = "Better than the baseline?"
VIEWS: dict[str, dict[str, Any]] = {
    "light": {"width": 1280},
    "dark": {"width": 1280, "scheme": "dark"},
    "phone": {"width": 360},
    "small-phone": {"width": 320},
    "dark-phone": {"width": 360, "scheme": "dark"},
}
LEAST_TEXT = 11.0
"""Pixels on a phone."""
# A4 less the margins of the style sheet, in CSS pixels of 1/96 inch.
LANDSCAPE, PORTRAIT = (round(mm / 25.4 * 96) for mm in (297 - 24, 210 - 28))
PORTRAIT_HEIGHT = round((297 - 28) / 25.4 * 96)


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pages of two measured boards, and of one whose run failed and one that trains."""
    folder = tmp_path_factory.mktemp("reports")
    failing = known_board(folder / "failing-board")
    why = "RuntimeError: the model is not loaded (my_separator/separator.py:12)"
    failing.write_run(run_row("rbad", "my-separator", "fixed", status="failed", failure=why))
    for epoch in range(3):
        row = {f"valid/haaqi/{ear}": 0.5 for ear in ("mean", "left", "right")}
        failing.append_epoch("rb", {"epoch": epoch, "loss": 1.0 - 0.1 * epoch, **row})
    boards = {**BOARDS, "failing": failing.path}
    suites = {"output-stage": MEASURED / "output-stage" / "suite.toml"}
    return {
        name: bench.write_report(path, to=folder / name, suite=suites.get(name, ""))
        for name, path in boards.items()
    }


NAMES = (*BOARDS, "failing")


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", NAMES)
def test_a_report_on_a_screen(
    reports: dict[str, Path], visit: Callable[..., Any], name: str, view: str
) -> None:
    page = visit(reports[name], **VIEWS[view])
    width = VIEWS[view]["width"]
    shades = picture(page, f"report-{name}-{view}")
    assert shades.shape[1] == width
    assert (shades.mean() < 0.3) == ("dark" in view)
    assert shades.std() > 0.05  # something is drawn
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert beyond(page) == []
    size, text = smallest_text(page)
    assert size >= LEAST_TEXT, text

    # The verdict is the first that is read: above the table, on the first screen.
    verdict = page.locator("main .verdict")
    assert re.search(r"the baseline \S", verdict.inner_text())
    box, table = verdict.bounding_box(), page.locator("#leaderboard").bounding_box()
    assert box["y"] + box["height"] <= table["y"]
    assert page.locator("main .verdict p").first.bounding_box()["y"] < 844

    # The first figure says who is better than the baseline, with each system and its songs.
    first = page.locator("#figures figure").first
    assert first.locator("h3").inner_text() == FOREST
    panel = first.locator("svg").first
    assert panel.get_attribute("aria-label").startswith("Difference in HAAQI to ")
    assert panel.bounding_box()["width"] > 300
    assert first.locator("figcaption").inner_text().startswith("Paired difference in HAAQI")


@pytest.mark.parametrize("name", NAMES)
def test_a_report_on_paper(reports: dict[str, Path], visit: Callable[..., Any], name: str) -> None:
    page = visit(reports[name], width=LANDSCAPE)
    page.emulate_media(media="print")
    shades = picture(page, f"report-{name}-print")
    assert np.median(shades) == 1.0  # white paper
    columns = page.locator("#leaderboard thead th").count()
    assert columns >= 8
    for table in page.locator("main table").all():  # they have pages in landscape
        box = table.bounding_box()
        assert box["x"] + box["width"] <= LANDSCAPE + 1
    assert cut_off(page) == []
    before = "e => getComputedStyle(e).breakBefore"
    assert {page.locator(one).evaluate(before) for one in ("#pictures", "#glossary")} == {"page"}

    page.set_viewport_size({"width": PORTRAIT, "height": PORTRAIT_HEIGHT})
    sizes = [figure.bounding_box() for figure in page.locator("figure").all()]
    assert [box for box in sizes if box["x"] + box["width"] > PORTRAIT + 1] == []
    panels = [panel.bounding_box()["height"] for panel in page.locator("figure svg").all()]
    assert max(panels) < PORTRAIT_HEIGHT

    shapes = [
        float(wide) > float(high)
        for wide, high in re.findall(
            rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", page.pdf(prefer_css_page_size=True)
        )
    ]
    assert shapes[0]  # the leaderboard, in landscape
    assert False in shapes  # the figures
    assert 3 <= len(shapes) <= 20


def test_a_failure_is_read_with_its_cause(
    reports: dict[str, Path], visit: Callable[..., Any]
) -> None:
    page = visit(reports["failing"])
    assert "the model is not loaded" in page.locator("main").inner_text()
    assert page.locator("#training figure").count() >= 1


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("listening")
    board = board_of(folder / "board", scenes=("s1",))
    return write_pages(board, folder / "out", stored_runs(), [heard(), heard("s2")])


@pytest.mark.parametrize("view", VIEWS)
def test_a_listening_page(listening: Path, visit: Callable[..., Any], view: str) -> None:
    page = visit(listening, **VIEWS[view])
    page.wait_for_selector(READY)
    shades = picture(page, f"listening-{view}")
    assert shades.shape[1] == VIEWS[view]["width"]
    assert (shades.mean() < 0.4) == ("dark" in view)
    assert beyond(page) == []
    size, text = smallest_text(page)
    assert size >= LEAST_TEXT, text
    play = page.locator("#play").bounding_box()
    assert play["y"] + play["height"] < 844  # without scrolling


@pytest.fixture(scope="module")
def blind_test(tmp_path_factory: pytest.TempPathFactory) -> Path:
    questions = (Question("aids", "Do you wear hearing aids?", "choice", ("never", "all day")),)
    folder, pairs = tmp_path_factory.mktemp("test"), [heard("s1")]
    how = {"way": "remix", "seed": 3, "questions": questions}
    return make_test(folder, pairs, stored_runs(), **how).page  # type: ignore[arg-type]


@pytest.mark.parametrize("view", VIEWS)
def test_a_blind_test(blind_test: Path, visit: Callable[..., Any], view: str) -> None:
    page = visit(blind_test, **VIEWS[view])
    shown = []
    page.fill("#participant", "P-1")
    page.keyboard.press("Enter")
    for step in range(page.evaluate("steps.length")):
        shades = picture(page, f"test-{step}-{view}")
        assert (shades.mean() < 0.4) == ("dark" in view)
        assert beyond(page) == []
        size, text = smallest_text(page)
        assert size >= LEAST_TEXT, text
        shown.append(page.locator("main section:visible h1").first.inner_text())
        if step + 1 < page.evaluate("steps.length"):
            page.evaluate("next()")
    assert shown[0] == "Set the volume"
    assert {"A few questions", "Thank you"} <= set(shown)
