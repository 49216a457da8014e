"""The listening page and the listening test, played in a browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.listening.mushra import make_test
from bench.listening.page import write_pages
from bench.listening.ratings import import_ratings
from tests.helpers.heard import RUNS, SECONDS, board_of, heard, stored_runs

pytestmark = pytest.mark.slow
READY = "#play:not([disabled])"


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("listening")
    board = board_of(folder / "board", scenes=("s1",))
    hostile = "<script>alert(1)</script>"
    return write_pages(board, folder / "out", stored_runs(), [heard(song=hostile), heard("s2")])


# What is waited for is a function: a plain expression would be evaluated by the page, whose policy
# rightly forbids it.


def sounding(page: Any) -> list[str]:
    """The signals that are heard."""
    found: list[str] = page.evaluate(
        "Object.entries(player.gains).filter(([, g]) => g > 0.5).map(([n]) => n)"
    )
    return found


def advanced(page: Any) -> None:
    """Wait until the position has moved."""
    before = page.evaluate("player.position")
    page.wait_for_function("before => player.position !== before", arg=before)


def wait_for(page: Any, name: str) -> None:
    """Wait until one signal alone sounds, all others being silent."""
    page.wait_for_function(
        "name => Object.entries(player.gains).every(([n, g]) => g === (n === name ? 1 : 0))",
        arg=name,
    )


def test_playing_and_switching(listening: Path, visit: Callable[..., Any]) -> None:
    page = visit(listening)
    page.wait_for_selector(READY)
    page.click("#play")
    page.wait_for_function("() => player.playing")
    advanced(page)
    assert page.text_content("#play") == "Pause"
    assert sounding(page) == ["mixture"]
    sources = page.evaluate("window.sources = [...player.tracks.values()].map(t => t.source)")
    assert len(sources) == 4
    page.click("text=system two")
    wait_for(page, "rtwo")
    # The very same sources go on: nothing was started anew, so there is no gap and no jump.
    assert page.evaluate(
        "[...player.tracks.values()].every((t, i) => t.source === window.sources[i])"
    )
    assert page.locator("tr.current").get_attribute("data-signal") == "rtwo"
    pressed = page.locator("button[aria-pressed=true].signal")
    assert pressed.all_text_contents() == ["system two"]
    assert page.get_attribute("#picture", "alt") == "Spectrogram of system two"
    page.click("#play")
    assert not page.evaluate("player.playing")
    assert page.text_content("#play") == "Play"


def test_signals_are_locked_to_each_other(listening: Path, visit: Callable[..., Any]) -> None:
    """All buffers have one length and one start, so that they stay together in a loop."""
    page = visit(listening)
    page.wait_for_selector(READY)
    lengths = page.evaluate("[...player.buffers.values()].map(b => [b.length, b.sampleRate])")
    assert lengths == [[round(SECONDS * 44100), 44100]] * 4
    page.evaluate(
        "() => { window.starts = []; const start = AudioBufferSourceNode.prototype.start;"
        "AudioBufferSourceNode.prototype.start = function (...a) {"
        " window.starts.push(a); start.apply(this, a); }; }"
    )
    page.keyboard.press("Space")
    page.wait_for_function("() => player.playing")
    starts = page.evaluate("window.starts")
    assert len(starts) == 4
    assert starts == [starts[0]] * 4


def test_keys(listening: Path, visit: Callable[..., Any]) -> None:
    page = visit(listening)
    page.wait_for_selector(READY)
    page.keyboard.press("Space")
    page.wait_for_function("() => player.playing")
    page.keyboard.press("3")
    wait_for(page, "rone")
    page.keyboard.press("ArrowDown")
    wait_for(page, "rtwo")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    wait_for(page, "reference")
    page.keyboard.press("9")  # there is no ninth
    wait_for(page, "reference")
    page.keyboard.press("Space")
    assert not page.evaluate("player.playing")
    page.keyboard.press("Home")
    assert page.evaluate("player.position") == 0
    page.keyboard.press("ArrowRight")
    assert page.evaluate("player.position") == SECONDS  # a second on is beyond the end
    page.keyboard.press("l")
    assert not page.is_checked("#loop")


def test_ways_of_hearing(listening: Path, visit: Callable[..., Any]) -> None:
    page = visit(listening)
    page.wait_for_selector(READY)
    page.keyboard.press("2")
    page.keyboard.press("Space")
    page.wait_for_function("() => player.playing")
    assert page.is_visible("text=What goes into the amplification")
    page.check("#way-simulated")
    page.wait_for_function("() => player.playing && player.buffers.size === 4")
    wait_for(page, "reference")  # what was heard is heard
    assert page.is_visible("text=MSBG model of hearing loss")
    assert not page.is_visible("text=What goes into the amplification")
    page.keyboard.press("w")
    assert page.is_checked("#way-remix")


def test_without_loop_it_ends(listening: Path, visit: Callable[..., Any]) -> None:
    page = visit(listening)
    page.wait_for_selector(READY)
    page.uncheck("#loop")
    page.click("#play")
    page.wait_for_function("() => player.playing")
    page.wait_for_function("() => !player.playing && player.position === 0")
    assert page.text_content("#play") == "Play"


def test_a_click_into_the_spectrogram_goes_there(
    listening: Path, visit: Callable[..., Any]
) -> None:
    page = visit(listening)
    page.wait_for_selector(READY)
    box = page.locator("#stage").bounding_box()
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 20)
    assert page.evaluate("player.position") == pytest.approx(0.75 * SECONDS, rel=0.01)
    assert page.evaluate("document.getElementById('picture').naturalWidth") == 900


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(listening: Path, visit: Callable[..., Any], scheme: str) -> None:
    page = visit(listening, width=360, scheme=scheme)
    page.wait_for_selector(READY)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.click("nav >> text=s2, L1")
    page.wait_for_selector(READY)
    assert page.url.endswith("pair-2.html")


# --- the blind test ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def blind(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    pairs = [heard(scene) for scene in ("s1", "s2", "s3")]
    folder = tmp_path_factory.mktemp("blind")
    return make_test(folder, pairs, stored_runs(), way="remix", seed=3)


def take(page: Any, participant: str, values: dict[str, int]) -> list[list[str]]:
    """Take the test, rating by what the key says; the codes in the order they were shown."""
    page.fill("#participant", participant)
    page.keyboard.press("Enter")
    assert page.text_content("#title") == "Training"
    page.wait_for_selector(READY)
    page.click("#next")
    shown = []
    while page.is_visible("#trial"):
        page.wait_for_selector(READY)
        rows = page.locator("#rows [data-code]")
        codes = rows.evaluate_all("rows => rows.map(row => row.dataset.code)")
        shown.append(codes)
        for number, code in enumerate(codes):
            assert page.is_disabled("#next")
            rows.nth(number).locator("input").fill(str(values[code]))
        page.click("#next")
    return shown


def test_a_whole_test(blind: tuple[Path, Path], visit: Callable[..., Any], tmp_path: Path) -> None:
    page_file, key = blind
    answers = json.loads(key.read_text(encoding="utf-8"))
    wanted = {"reference": 95, "anchor": 10, "rone": 40, "rtwo": 60}
    values = {
        code: wanted[about.get("run_id", about["kind"])]
        for trial in answers["trials"].values()
        for code, about in trial["signals"].items()
    }
    page = visit(page_file)
    assert page.is_hidden("#trial")
    shown = take(page, "P-1", values)
    assert page.text_content("#end h1") == "Thank you"
    with page.expect_download() as download:
        page.click("#save")
    assert download.value.suggested_filename == f"ratings-{answers['test']}-P-1.json"
    saved = tmp_path / "ratings.json"
    download.value.save_as(saved)
    kept = json.loads(saved.read_text(encoding="utf-8"))
    order = [rating["signal"] for rating in kept["ratings"]]
    assert order == [code for codes in shown for code in codes]
    board = board_of(tmp_path / "board", scenes=("s1", "s2", "s3"))
    found = import_ratings(board, key, [saved])
    assert [one.excluded for one in found.participants] == [False]
    means = {run: board.scores(run, metric="mushra").value.mean() for run in RUNS}
    assert means == {"rone": 40, "rtwo": 60}
    # The same participant gets the same order again, another one another.
    again = take(visit(page_file), "P-1", values)
    assert again == shown
    other = take(visit(page_file), "P-2", values)
    assert other != shown
    assert sorted(map(sorted, other)) == sorted(map(sorted, shown))


def test_letters_and_reference_are_switched_between(
    blind: tuple[Path, Path], visit: Callable[..., Any]
) -> None:
    page = visit(blind[0], width=360)
    page.fill("#participant", "no spaces!")
    page.click("text=Begin")
    assert page.is_visible("#welcome")  # no code that a file could not bear
    page.fill("#participant", "P-3")
    page.click("text=Begin")
    page.wait_for_selector(READY)
    page.keyboard.press("Space")
    page.wait_for_function("() => player.playing")
    wait_for(page, "reference")
    codes = page.locator("#rows [data-code]").evaluate_all("r => r.map(x => x.dataset.code)")
    page.keyboard.press("b")
    wait_for(page, codes[1])
    page.click("#rows >> text=D")
    wait_for(page, codes[3])
    page.keyboard.press("0")
    wait_for(page, "reference")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
