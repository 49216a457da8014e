"""The report opened from disk: sorting, filtering, on a phone and in the dark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.report.page import write_report
from tests.helpers.boards import known_board, run_row

pytestmark = pytest.mark.slow
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    board = known_board(folder / "board")
    board.write_run(run_row("revil", "x", "none", label=HOSTILE, status="failed", failure=HOSTILE))
    for epoch in range(3):
        row = {f"valid/haaqi/{ear}": 0.5 for ear in ("mean", "left", "right")}
        board.append_epoch("rb", {"epoch": epoch, "loss": 1.0, "loss/sdr": -4.0, **row})
    return write_report(board, folder / "out", "demo", "valid", "challenge")


def names(page: Any) -> list[str]:
    rows = page.locator("#leaderboard tbody tr:not([hidden])")
    return [name or "" for name in rows.evaluate_all("rows => rows.map(r => r.dataset.name)")]


def test_sorting(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    own_order = names(page)
    header = page.locator("#leaderboard th", has_text="SDR")
    header.locator("button").click()
    assert header.get_attribute("aria-sort") == "descending"
    falling = names(page)
    assert falling[0] == "oracle + fixed"
    assert falling[-2:] == ["mixture + fixed", HOSTILE]  # what has no value stays below
    header.locator("button").click()
    assert header.get_attribute("aria-sort") == "ascending"
    assert names(page)[0] == "mixture + fixed"
    assert names(page)[-1] == HOSTILE
    page.locator("#leaderboard th", has_text="System").locator("button").focus()
    page.keyboard.press("Enter")
    by_name = names(page)  # not by the marks before the names
    assert sorted(by_name) == sorted(own_order)
    assert [by_name[0], *by_name[-2:]] == [HOSTILE, "mixture + fixed", "oracle + fixed"]
    assert header.get_attribute("aria-sort") is None


def test_filtering(report: Path, visit: Callable[..., Any]) -> None:
    page = visit(report)
    page.locator("#filter").type("FIXED hdem")
    assert names(page) == ["hdemucs-ft + fixed", "hdemucs + fixed"]
    assert page.locator("#shown").text_content() == "2 of 6 rows"
    page.locator("#leaderboard th", has_text="HAAQI").first.locator("button").click()
    assert names(page) == ["hdemucs-ft + fixed", "hdemucs + fixed"]
    page.locator("#filter").fill("")
    assert len(names(page)) == 6


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(report: Path, visit: Callable[..., Any], scheme: str) -> None:
    page = visit(report, width=360, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    # The systems' names stay in sight while the numbers are scrolled.
    page.evaluate("document.querySelector('.scroll').scrollLeft = 300")
    box = page.locator("#leaderboard tbody th").first.bounding_box()
    assert box is not None
    assert 0 <= box["x"] < 60


def test_light_and_dark_differ_and_both_have_contrast(
    report: Path, visit: Callable[..., Any]
) -> None:
    paper = {}
    for scheme in ("light", "dark"):
        page = visit(report, scheme=scheme)
        styles = page.evaluate(
            "['.quiet', 'figure svg text', 'a'].map(s => [getComputedStyle("
            "document.querySelector(s)).color, getComputedStyle(document.querySelector(s)).fill])"
        )
        paper[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        for number, (color, fill) in enumerate(styles):
            shown = fill if number == 1 else color  # SVG text is filled
            assert contrast(shown, paper[scheme]) >= 4.5  # WCAG 2, AA
    assert paper["light"] != paper["dark"]


def contrast(one: str, two: str) -> float:
    """The contrast ratio of WCAG 2 of two CSS colours, ``rgb(r, g, b)``."""

    def luminance(color: str) -> float:
        parts = [float(part) / 255 for part in color[4:-1].split(",")]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, light = sorted((luminance(one), luminance(two)))
    return (light + 0.05) / (dark + 0.05)
