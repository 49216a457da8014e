"""The listening page, played in a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.listening.page import write_pages
from tests.browser.playing import READY, advanced, says, wait_for
from tests.helpers.heard import SECONDS, board_of, heard, stored_runs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("listening")
    board = board_of(folder / "board", scenes=("s1",))
    hostile = "<script>alert(1)</script>"
    return write_pages(board, folder / "out", stored_runs(), [heard(song=hostile), heard("s2")])


def sounding(page: Any) -> list[str]:
    """The signals that are heard."""
    found: list[str] = page.evaluate(
        "Object.entries(player.gains).filter(([, g]) => g > 0.5).map(([n]) => n)"
    )
    return found


def test_playing_and_switching(listening: Path, visit: Callable[..., Any]) -> None:
    page = visit(listening)
    page.wait_for_selector(READY)
    page.click("#play")
    page.wait_for_function("() => player.playing")
    advanced(page)
    says(page, "#play", "Pause")
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
    says(page, "#play", "Play")


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
    assert page.is_visible("text=The input of the amplification")
    page.check("#way-simulated")
    page.wait_for_function("() => player.playing && player.buffers.size === 4")
    wait_for(page, "reference")  # what was heard is heard
    assert page.is_visible("text=MSBG model of hearing loss")
    assert not page.is_visible("text=The input of the amplification")
    page.keyboard.press("w")
    assert page.is_checked("#way-remix")


def test_without_loop_it_ends(listening: Path, visit: Callable[..., Any]) -> None:
    page = visit(listening)
    page.wait_for_selector(READY)
    page.uncheck("#loop")
    page.click("#play")
    page.wait_for_function("() => player.playing")
    page.wait_for_function("() => !player.playing && player.position === 0")
    says(page, "#play", "Play")


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


# --- loops of a part, fades, focus ---------------------------------------------------------------


@pytest.fixture(scope="module")
def longer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("longer")
    board = board_of(folder / "board", scenes=("s1",))
    pair = heard(seconds=3.0, same=("rtwo",))
    return write_pages(board, folder / "out", stored_runs(), [pair])


def region(page: Any) -> list[float]:
    found: list[float] = page.evaluate("[player.region.from, player.region.to]")
    return found


def test_a_part_is_looped(longer: Path, visit: Callable[..., Any]) -> None:
    page = visit(longer)
    page.wait_for_selector(READY)
    box = page.locator("#stage").bounding_box()
    x, y = box["x"], box["y"] + 20
    page.mouse.move(x + box["width"] / 3, y)
    page.mouse.down()
    page.mouse.move(x + box["width"] / 2, y)
    page.mouse.move(x + 2 * box["width"] / 3, y)
    page.mouse.up()
    assert region(page) == pytest.approx([1.0, 2.0], abs=0.02)
    assert page.is_visible("#stage .part")
    page.keyboard.press("p")
    page.wait_for_function("() => player.playing")
    for _ in range(8):  # 1.6 s: more than once around
        page.wait_for_timeout(200)
        assert 0.98 <= page.evaluate("player.position") <= 2.02
    says(page, "#time", "part 0:01")
    page.keyboard.press("u")
    assert region(page) == [0.0, 3.0]
    assert page.is_disabled("#loop-whole")
    page.keyboard.press("p")
    page.mouse.click(x + 2 * box["width"] / 3, y)  # to 2 s
    page.keyboard.press("s")
    assert region(page) == pytest.approx([2.0, 3.0], abs=0.02)
    page.keyboard.press("ArrowLeft")  # out of the part: the whole again
    assert region(page) == [0.0, 3.0]
    page.keyboard.press("t")
    assert region(page) == pytest.approx([0.0, 1.0], abs=0.02)
    page.click("#loop-whole")
    page.evaluate("player.setRegion(2.9, 2.95)")  # too short to be heard as music
    assert region(page) == pytest.approx([2.5, 3.0])


def test_edges_of_a_loop_and_switches_fade(longer: Path, visit: Callable[..., Any]) -> None:
    """Ten milliseconds at each edge of what is looped, and from one signal to the next."""
    page = visit(longer)
    page.wait_for_selector(READY)
    page.evaluate("player.setRegion(1, 2)")
    shape = page.evaluate(
        "(() => { const b = player.buffers.get('reference'); const f = player.faded(b);"
        " const [own, faded] = [b.getChannelData(0), f.getChannelData(0)];"
        " const ratio = (n) => faded[n] / own[44100 + n];"
        " return [f.length, ratio(0), ratio(220), ratio(441), ratio(22050), ratio(44099 - 220),"
        " ratio(44099)]; })()"
    )
    assert shape == pytest.approx([44100, 0, 0.5, 1, 1, 0.5, 0], abs=0.01)
    page.evaluate(
        "() => { window.ramps = []; const ramp = AudioParam.prototype.linearRampToValueAtTime;"
        "AudioParam.prototype.linearRampToValueAtTime = function (value, time) {"
        " window.ramps.push([value, time - player.context.currentTime]);"
        " return ramp.call(this, value, time); }; }"
    )
    page.keyboard.press("p")
    page.wait_for_function("() => player.playing")
    advanced(page)
    page.evaluate("window.ramps.length = 0")
    page.keyboard.press("2")
    ramps = page.evaluate("window.ramps")
    assert sorted(value for value, _ in ramps) == [0, 0, 0, 1]
    assert [time for _, time in ramps] == pytest.approx([0.01] * 4, abs=0.004)
    page.evaluate("window.ramps.length = 0")
    page.keyboard.press("p")  # it ends softly, too
    assert page.evaluate("window.ramps")[0] == pytest.approx([0, 0.01], abs=0.004)


def test_the_focus_keeps_its_keys(longer: Path, visit: Callable[..., Any]) -> None:
    """What a key does to a button, a check box or a radio button is the platform's."""
    page = visit(longer)
    page.wait_for_selector(READY)
    page.focus("#loop")
    page.keyboard.press("Space")
    assert not page.is_checked("#loop")
    assert not page.evaluate("player.playing")
    page.focus("#way-remix")
    page.keyboard.press("ArrowDown")
    assert page.is_checked("#way-amplified")
    assert page.evaluate("player.current") == "mixture"
    page.focus("text=system one")
    page.keyboard.press("Space")
    assert page.evaluate("player.current") == "rone"
    assert not page.evaluate("player.playing")
    page.keyboard.press("ArrowDown")  # no key of a button: to the next signal, focus and all
    assert page.evaluate("player.current") == "rtwo"
    assert page.evaluate("document.activeElement.textContent") == "system two"
    page.keyboard.press("p")
    page.wait_for_function("() => player.playing")
    page.focus("#play")
    page.keyboard.press("Enter")
    assert not page.evaluate("player.playing")
    page.evaluate("document.activeElement.blur()")
    page.click("text=system one")  # a mouse takes no focus from where it was
    page.keyboard.press("Space")
    page.wait_for_function("() => player.playing")
    wait_for(page, "rone")


def test_what_is_the_reference_is_said(longer: Path, visit: Callable[..., Any]) -> None:
    page = visit(longer)
    page.wait_for_selector(READY)
    assert page.is_visible("text=Identical to the reference, bit for bit: system two.")
