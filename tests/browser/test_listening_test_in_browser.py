"""Listening tests taken in a browser, and their ratings brought into a board."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from bench.listening.blind import MadeTest, make_test
from bench.listening.questions import Question
from bench.listening.ratings import distinguished, import_ratings
from tests.browser.playing import READY, wait_for
from tests.helpers.heard import RUNS, board_of, heard, stored_runs

pytestmark = pytest.mark.slow
SCENES = ("s1", "s2", "s3")
WANTED = {"reference": 95, "anchor": 10, "rone": 40, "rtwo": 60}
QUESTIONS = (
    Question("age", "How old are you?", "number", low=18, high=120, required=True),
    Question("aids", "Do you wear hearing aids?", "choice", ("never", "<i>always</i>")),
    Question("where", "Where did you listen?", "choices", ("at home", "elsewhere")),
    Question("words", "Anything else?"),
)


def made(folder: Path, **choices: Any) -> MadeTest:
    pairs = [heard(scene) for scene in SCENES]
    return make_test(
        folder, pairs, stored_runs(), **{"way": "remix", "checks": False, "seed": 3, **choices}
    )


@pytest.fixture(scope="module")
def blind(tmp_path_factory: pytest.TempPathFactory) -> MadeTest:
    return made(tmp_path_factory.mktemp("blind"))


def values_of(test: MadeTest) -> dict[str, int]:
    """A rating of each code by what the key says that it is."""
    return {
        code: WANTED[about.get("run_id", about["kind"])]
        for trial in key_of(test)["trials"].values()
        for code, about in trial["signals"].items()
    }


def key_of(test: MadeTest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(test.key.read_text(encoding="utf-8"))
    return found


def start(page: Any, participant: str) -> None:
    page.fill("#participant", participant)
    page.keyboard.press("Enter")


def hear_all(page: Any) -> None:
    """Have all signals heard, without the time that it takes."""
    page.wait_for_selector(READY)
    page.evaluate("for (const name of player.buffers.keys()) player.heard.set(name, 9)")


def wait_for_words(page: Any, words: str) -> None:
    """Wait until the page says what is left to do."""
    script = "words => document.getElementById('left').textContent === words"
    page.wait_for_function(script, arg=words)


def rate(page: Any, values: Mapping[str, int]) -> list[str]:
    """Rate a trial; the codes in the order in which they are shown."""
    rows = page.locator("#rows .rating")
    codes: list[str] = rows.evaluate_all("rows => rows.map(row => row.dataset.code)")
    for number, code in enumerate(codes):
        assert page.is_disabled("#next")
        rows.nth(number).locator("input").fill(str(values[code]))
    return codes


def take(page: Any, values: Mapping[str, int]) -> list[list[str]]:
    """Take the test from the training on; the codes in the order in which they are shown."""
    assert page.text_content("#title") == "Training"
    hear_all(page)
    page.click("#next")
    shown = []
    while page.is_visible("#trial"):
        hear_all(page)
        shown.append(rate(page, values))
        page.click("#next")
    return shown


def saved(page: Any, folder: Path) -> Path:
    with page.expect_download() as download:
        page.click("#save")
    path = folder / str(download.value.suggested_filename)
    download.value.save_as(path)
    return path


def test_a_whole_test(blind: MadeTest, visit: Callable[..., Any], tmp_path: Path) -> None:
    values = values_of(blind)
    page = visit(blind.page)
    assert page.is_hidden("#trial")
    start(page, "P-1")
    shown = take(page, values)
    assert page.text_content("#end h1") == "Thank you"
    file = saved(page, tmp_path)
    assert file.name == f"ratings-{key_of(blind)['test']}-P-1.json"
    kept = json.loads(file.read_text(encoding="utf-8"))
    order = [rating["signal"] for rating in kept["ratings"]]
    assert order == [code for codes in shown for code in codes]
    assert {rating["heard_s"] for rating in kept["ratings"]} == {9}
    board = board_of(tmp_path / "board", scenes=SCENES)
    found = import_ratings(board, blind.key, [file])
    assert [one.excluded for one in found.participants] == [False]
    means = {run: board.scores(run, metric="mushra").value.mean() for run in RUNS}
    assert means == {"rone": 40, "rtwo": 60}
    # The same participant gets the same order again, another one another.
    again = visit(blind.page)
    start(again, "P-1")
    assert take(again, values) == shown
    other = visit(blind.page)
    start(other, "P-2")
    others = take(other, values)
    assert others != shown
    assert sorted(map(sorted, others)) == sorted(map(sorted, shown))


def test_letters_and_reference_are_switched_between(
    blind: MadeTest, visit: Callable[..., Any]
) -> None:
    page = visit(blind.page, width=360)
    page.fill("#participant", "no spaces!")
    page.click("#start >> text=Begin")
    assert page.is_visible("#welcome")  # no code that a file could not bear
    start(page, "P-3")
    page.wait_for_selector(READY)
    page.keyboard.press("Space")
    page.wait_for_function("() => player.playing")
    wait_for(page, "reference")
    codes = page.locator("#rows .rating").evaluate_all("r => r.map(x => x.dataset.code)")
    page.keyboard.press("b")
    wait_for(page, codes[1])
    page.click("#rows >> text=D")
    wait_for(page, codes[3])
    page.keyboard.press("0")
    wait_for(page, "reference")
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_all_must_be_heard(blind: MadeTest, visit: Callable[..., Any]) -> None:
    page = visit(blind.page)
    start(page, "P-4")
    page.wait_for_selector(READY)
    expected = "not yet heard: the reference, A, B, C, D, E"
    wait_for_words(page, expected)
    assert page.is_disabled("#next")
    page.keyboard.press("p")
    for letter in "abcde":
        page.wait_for_function("() => (player.heard.get(player.current) ?? 0) >= 0.5")
        assert page.is_disabled("#next")
        page.keyboard.press(letter)
    page.wait_for_selector("#next:not([disabled])")
    assert page.text_content("#left") == ""
    page.click("#next")
    hear_all(page)
    expected = "not yet rated: A, B, C, D, E"
    wait_for_words(page, expected)
    assert page.is_disabled("#next")


def test_the_keyboard_is_enough(blind: MadeTest, visit: Callable[..., Any]) -> None:
    page = visit(blind.page)
    page.keyboard.press("Tab")
    page.keyboard.type("P-5")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "title"
    hear_all(page)
    page.wait_for_selector("#next:not([disabled])")
    page.focus("#next")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.getElementById('title').textContent === 'Trial 1 of 3'")
    assert page.evaluate("document.activeElement.id") == "title"
    hear_all(page)
    page.focus("#rows .rating:nth-child(1) input")
    assert page.get_attribute("#rows .rating:nth-child(1) input", "aria-valuetext") == "not rated"
    page.keyboard.press("Home")  # it stands at 0 already: 0 is a rating, too
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("p")
    page.wait_for_function("() => player.playing")
    outputs = page.locator("#rows output").all_text_contents()
    assert outputs == ["0", "3", "–", "–", "–"]
    page.focus("#rows .rating:nth-child(3) button")
    page.keyboard.press("Space")  # presses the button, and does not pause
    assert page.evaluate("player.playing")
    assert page.get_attribute("#rows .rating:nth-child(3) button", "aria-pressed") == "true"


def test_a_reload_loses_nothing(blind: MadeTest, visit: Callable[..., Any], tmp_path: Path) -> None:
    values = values_of(blind)
    page = visit(blind.page)
    start(page, "P-6")
    hear_all(page)
    page.click("#next")
    hear_all(page)
    first = rate(page, values)
    page.click("#next")
    hear_all(page)
    codes = page.locator("#rows .rating").evaluate_all("r => r.map(x => x.dataset.code)")
    page.locator("#rows input").first.fill(str(values[codes[0]]))
    page.wait_for_timeout(100)
    page.reload()
    assert page.is_visible("text=Participant P-6 has begun the test in this browser")
    assert page.is_hidden("#start")
    page.click("#continue")
    assert page.text_content("#title") == "Trial 2 of 3"
    assert page.locator("#rows output").all_text_contents()[0] == str(values[codes[0]])
    page.wait_for_function("() => !document.getElementById('left').textContent.includes('heard')")
    for number, code in enumerate(codes):
        page.locator("#rows input").nth(number).fill(str(values[code]))
    page.click("#next")
    hear_all(page)
    last = rate(page, values)
    page.click("#next")
    page.reload()  # also what is not saved yet
    assert page.text_content("#end h1") == "Thank you"
    kept = json.loads(saved(page, tmp_path).read_text(encoding="utf-8"))
    assert [row["signal"] for row in kept["ratings"]] == [*first, *codes, *last]
    assert {row["signal"]: row["rating"] for row in kept["ratings"]} == values
    page.click("#another")
    page.wait_for_selector("#start")
    assert page.input_value("#participant") == ""


def test_begin_anew_asks_first(blind: MadeTest, visit: Callable[..., Any]) -> None:
    page = visit(blind.page)
    start(page, "P-7")
    page.reload()
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.click("#anew")
    assert page.is_visible("#resume")
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("#anew")
    assert page.is_hidden("#resume")
    assert page.is_visible("#start")


def test_volume_headphones_and_questions(visit: Callable[..., Any], tmp_path: Path) -> None:
    test = made(tmp_path / "test", checks=True, questions=QUESTIONS)
    values = values_of(test)
    page = visit(test.page)
    start(page, "P-8")
    assert page.text_content("#level h1") == "Set the volume"
    assert page.is_disabled("#level-next")
    page.click("#level-play:not([disabled])")
    page.click("#level-next:not([disabled])")
    page.evaluate("Object.assign(SOUNDS, { noise: 0.05, tone: 0.05, pause: 0.01 })")
    for number in range(10):
        assert page.text_content("#check-left") == f"{number + 1} of 10"
        answer = page.evaluate("checked.answer")
        buttons = page.locator("#check-answers button")
        assert buttons.count() == (2 if number < 4 else 3)
        assert buttons.first.is_disabled()  # before it was heard
        page.click("#check-play")
        wrong = number >= 8  # two of six tones are one too many
        names = [name for name in buttons.all_text_contents() if (name == answer) is not wrong]
        page.click(f"#check-answers button:not([disabled]) >> text={names[0]}")
    assert page.is_visible("text=Something may be wrong: you may be using loudspeakers")
    assert page.evaluate("document.activeElement.id") == "check-again"
    page.click("#check-next")
    take(page, values)
    assert page.text_content("#questions h1") == "A few questions"
    page.click("#questionnaire >> text=Next")
    assert page.is_visible("#questions")  # the age is required
    page.fill("#answer-age", "17")
    page.click("#questionnaire >> text=Next")
    assert page.is_visible("#questions")
    page.fill("#answer-age", "71")
    page.check("text=<i>always</i>")
    page.reload()
    page.click("#continue")
    assert page.input_value("#answer-age") == "71"
    assert page.is_checked("text=<i>always</i>")
    page.check("text=at home")
    page.click("#questionnaire >> text=Next")
    board = board_of(tmp_path / "board", scenes=SCENES)
    found = import_ratings(board, test.key, [saved(page, tmp_path)])
    [one] = found.participants
    assert one.answers == {"age": 71, "aids": "<i>always</i>", "where": ["at home"]}
    assert one.checked is False


def test_what_the_headphone_check_plays(visit: Callable[..., Any], tmp_path: Path) -> None:
    """Noise in one ear; of three tones one 6 dB softer, one in opposite phase (Woods et al.)."""
    page = visit(made(tmp_path, checks=True).page)
    start(page, "P-9")
    page.evaluate("next()")
    numbers = (
        "(() => { const b = checkSound(44100); const [l, r] = [0, 1].map(c => b.getChannelData(c));"
        " const rms = (x, a, n) => Math.sqrt(x.slice(a, a + n).reduce((s, v) => s + v * v, 0) / n);"
        " const at = [0, 1, 2].map(i => Math.round(i * 1.5 * 44100) + 8820);"
        " return { sides: [rms(l, 0, b.length), rms(r, 0, b.length)], answer: checked.answer,"
        " order: checked.order, tones: at.map(a => rms(l, a, 22050)),"
        " sums: at.map(a => rms(l.map((v, n) => v + r[n]), a, 22050)) }; })()"
    )
    noise = page.evaluate(numbers)
    silent, loud = sorted(noise["sides"])
    assert silent == 0
    assert 0.03 < loud < 0.12
    assert noise["sides"].index(loud) == ["left", "right"].index(noise["answer"])
    page.evaluate("checked.number = 4; ask()")
    tones = page.evaluate(numbers)
    by_kind = dict(zip(tones["order"], tones["tones"], strict=True))
    sums = dict(zip(tones["order"], tones["sums"], strict=True))
    assert by_kind["soft"] / by_kind["plain"] == pytest.approx(0.501, abs=0.01)
    assert by_kind["opposite"] == pytest.approx(by_kind["plain"], rel=0.01)
    assert sums["opposite"] == pytest.approx(0, abs=1e-6)
    soft = ["first", "second", "third"][tones["order"].index("soft")]
    assert tones["answer"] == soft


def test_abx(visit: Callable[..., Any], tmp_path: Path) -> None:
    """Who hears "system one" and guesses "system two" is seen to."""
    test = made(tmp_path / "test", method="abx", repeats=4)
    key = key_of(test)
    assert test.trials == 24
    page = visit(test.page, width=360)
    start(page, "P-10")
    hear_all(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.keyboard.press("x")
    assert page.get_attribute("#rows >> text=X", "aria-pressed") == "true"
    page.click("#next")
    clips = []
    while page.is_visible("#trial"):
        hear_all(page)
        assert page.is_disabled("#next")
        trial, x = page.evaluate("[steps[state.step][1].trial.code, steps[state.step][1].x.code]")
        clips.append(x)
        about = key["trials"][trial]["signals"]
        [system] = [one["run_id"] for one in about.values() if one["kind"] == "system"]
        is_b = about[x]["kind"] == "system"
        page.check("#is-b" if is_b or system == "rtwo" else "#is-a")
        page.click("#next")
    assert len(clips) == 24
    assert len(set(clips)) > 6  # X is not always the same of the two
    board = board_of(tmp_path / "board", scenes=SCENES)
    found = import_ratings(board, test.key, [saved(page, tmp_path)])
    one, two = distinguished(found.ratings)
    assert (one.label, one.right, one.answers) == ("system one", 12, 12)
    assert one.p == pytest.approx(0.5**12)
    assert two.label == "system two"
    assert two.right < 12
    means = {run: board.scores(run, metric="abx").value.mean() for run in RUNS}
    assert means == {"rone": 1.0, "rtwo": two.right / 12}


@pytest.fixture
def collector() -> Iterator[tuple[str, list[Any], list[int]]]:
    """A server as the guide describes it: its address, what it got, and what it answers."""
    got: list[Any] = []
    answers = [200]

    class Handler(BaseHTTPRequestHandler):
        def do_OPTIONS(self) -> None:
            self._answer(204)

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            got.append((self.headers["Content-Type"], json.loads(self.rfile.read(length))))
            self._answer(answers[-1])

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Access-Control-Allow-Headers", "Content-Type")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/ratings?study=1", got, answers
    server.shutdown()
    server.server_close()


def test_ratings_are_sent(
    browser: Any, collector: tuple[str, list[Any], list[int]], tmp_path: Path
) -> None:
    address, got, answers = collector
    test = made(tmp_path / "test", post=address)
    context = browser.new_context()
    page = context.new_page()
    page.goto(test.page.as_uri())
    assert "are sent to 127.0.0.1" in page.inner_text("#welcome")
    start(page, "P-11")
    answers.append(503)
    take(page, values_of(test))
    page.wait_for_selector("#send:not([hidden])")
    assert "could not be sent: the server answered 503" in page.text_content("#sent")
    answers.append(201)
    page.click("#send")
    page.wait_for_selector("text=Your ratings were sent")
    assert page.is_hidden("#send")
    page.reload()  # what was sent is not sent again
    page.wait_for_selector("text=Your ratings were sent")
    assert len(got) == 2
    context.close()
    files = []
    for number, (kind, content) in enumerate(got):
        assert kind == "application/json"
        files.append(tmp_path / f"{number}.json")
        files[-1].write_text(json.dumps(content), encoding="utf-8")
    # A collector that keeps all that it got has one session twice, which is no second participant.
    board = board_of(tmp_path / "board", scenes=SCENES)
    found = import_ratings(board, test.key, files)
    assert [one.code for one in found.participants] == ["P-11"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(visit: Callable[..., Any], tmp_path: Path, scheme: str) -> None:
    page = visit(made(tmp_path, checks=True, questions=QUESTIONS).page, width=360, scheme=scheme)
    start(page, "P-12")
    count = page.evaluate("steps.length")
    for _ in range(count - 1):
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        page.evaluate("next()")
    assert page.is_visible("#end")
