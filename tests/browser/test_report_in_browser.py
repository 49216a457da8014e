"""The report opened from disk: sorting, filtering, on a phone and in the dark."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.report.page import write_report
from tests.helpers.boards import fill, known_board, run_row

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
        for number, (color, filled) in enumerate(styles):
            shown = filled if number == 1 else color  # SVG text is filled
            assert contrast(shown, paper[scheme]) >= 4.5  # WCAG 2, AA
    assert paper["light"] != paper["dark"]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of twelve systems."""
    folder = tmp_path_factory.mktemp("many")
    board = known_board(folder / "board")
    for number in range(7):
        board.write_run(run_row(f"rn{number}", f"own{number}", "fixed"))
        fill(board, f"rn{number}", 0.5 + 0.01 * number, seed=40 + number)
    return write_report(board, folder / "out", "demo", "valid", "challenge")


def test_a_click_in_the_legend_colours_a_system_everywhere(
    many: Path, visit: Callable[..., Any]
) -> None:
    page = visit(many)
    boxes = page.locator("#legend input")
    assert boxes.count() == 12
    assert page.locator("#legend input:checked").count() == 6
    other = page.locator("#legend li", has_text="mixture + fixed").locator("input")
    mark = other.get_attribute("data-mark")
    colour = f"getComputedStyle(document.documentElement).getPropertyValue('--c-{mark}').trim()"
    grey = page.evaluate(colour)
    seen = f"getComputedStyle(document.querySelector('#figures g[style*=\"--o-{mark})\"]')).opacity"
    assert page.evaluate(seen) == "0"
    other.check()
    assert page.evaluate(colour) != grey
    assert page.evaluate(seen) == "1"
    row = page.locator("#leaderboard tr", has_text="mixture + fixed").locator(".swatch")
    drawn = row.first.evaluate("swatch => getComputedStyle(swatch).color")
    assert drawn == other.locator("xpath=..").locator(".swatch").evaluate(
        "swatch => getComputedStyle(swatch).color"
    )


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_reaches_beyond_the_page_and_text_in_figures_can_be_read(
    many: Path, visit: Callable[..., Any], width: int
) -> None:
    page = visit(many, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    sizes = page.evaluate(
        "[...document.querySelectorAll('figure svg')].map(svg => Math.min(...[...svg"
        ".querySelectorAll('text')].map(text => parseFloat(getComputedStyle(text).fontSize)"
        " * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width)))"
    )
    assert min(sizes) >= 11.0
    cut = page.evaluate(
        "[...document.querySelectorAll('figure svg')].filter(svg => [...svg"
        ".querySelectorAll('text')].some(text => { const [a, b] = [text, svg]"
        ".map(x => x.getBoundingClientRect()); return a.left < b.left - 1 || a.right > b.right + 1;"
        " })).map(svg => svg.getAttribute('aria-label'))"
    )
    assert cut == []


def test_the_first_click_on_a_column_puts_its_best_on_top(
    report: Path, visit: Callable[..., Any]
) -> None:
    page = visit(report)
    for column, best in (("To baseline", "oracle + fixed"), ("Headroom", "oracle + fixed")):
        page.locator("#leaderboard th", has_text=column).locator("button").click()
        assert names(page)[0] == best
    clipped = page.locator("#leaderboard th", has_text="Clipped")
    clipped.locator("button").click()
    assert clipped.get_attribute("aria-sort") == "ascending"
    assert "less is better" in (clipped.locator("button").get_attribute("title") or "")


def test_printing_opens_what_is_folded_and_is_a_few_pages(
    many: Path, visit: Callable[..., Any]
) -> None:
    page = visit(many)
    page.emulate_media(media="print")
    assert page.locator("#runs details dl").first.is_visible()
    assert not page.locator("#tools").is_visible()
    assert not page.locator("#runs .documents").first.is_visible()
    pdf = page.pdf(prefer_css_page_size=True)
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    shapes = [float(wide) > float(high) for wide, high in boxes]
    assert True in shapes  # the tables
    assert False in shapes  # the figures
    assert len(shapes) <= 20


def contrast(one: str, two: str) -> float:
    """The contrast ratio of WCAG 2 of two CSS colours, ``rgb(r, g, b)``."""

    def luminance(color: str) -> float:
        parts = [float(part) / 255 for part in color[4:-1].split(",")]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, light = sorted((luminance(one), luminance(two)))
    return (light + 0.05) / (dark + 0.05)
