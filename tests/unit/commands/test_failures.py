"""A failure shows its cause, wherever one looks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import bench
from bench.board.failures import failures_of, kind_of
from bench.board.store import Board
from bench.plugins import installed
from bench.runtime.causes import cause_of
from tests.helpers import failing
from tests.helpers.boards import pair_rows
from tests.helpers.command_line import Bench

pytestmark = pytest.mark.usefixtures("quick_workers")

PLACE = "tests/helpers/failing.py:"


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five scenes of 2 s, two listeners each."""
    from bench.data.generate.demo import write_demo
    from tests.helpers.suites import suite_text

    root = tmp_path_factory.mktemp("five") / "set"
    write_demo(
        root, songs_train=1, songs_valid=5, seconds=2.0, scenes_per_song=1, listeners_per_scene=2
    )
    path = root.parent / "small.toml"
    path.write_text(suite_text(root=root, metrics=("lufs", "clipping")), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def _plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    site = tmp_path / "site"
    site.mkdir()
    failing.entry_point(site)
    monkeypatch.syspath_prepend(str(site))
    installed.cache_clear()
    failing.Sometimes.seen = 0
    yield
    installed.cache_clear()


def choose(suite: Path, board: Path, separator: str) -> tuple[object, ...]:
    where = ("--suite", suite, "--out", board, "--workers", "1")
    return ("run", "--separator", separator, "--gains", "none", "--no-baselines", *where)


def test_a_run_whose_first_scenes_all_fail_alike_stops_and_says_why(
    bench: Bench, suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board = tmp_path / "board"
    assert bench(*choose(suite, board, "always-fails")) == 1
    said = capsys.readouterr().err
    assert "stopped because its first 3 scenes all failed: ValueError: no model for" in said
    assert PLACE in said
    [run] = Board(board).runs().to_dict("records")
    assert run["status"] == "failed"
    assert run["failure"].startswith("stopped")
    assert len(set(Board(board).scores().scene)) == 3
    # The command that the message names shows the traceback.
    command = said.split("Traceback: bench ")[1].splitlines()[0]
    assert bench(*command.split()) == 0
    shown = capsys.readouterr().out
    assert "6 pairs" in shown
    assert 'File "tests/helpers/failing.py"' in shown
    assert "in model" in shown
    assert str(Path.cwd()) not in shown


def test_the_others_go_on_where_one_run_is_stopped(suite: Path, tmp_path: Path) -> None:
    text = suite.read_text(encoding="utf-8")
    own = suite.parent / "two.toml"
    own.write_text(text.replace('separator = "mixture"', 'separator = "always-fails"'))
    found = bench.run(
        separator="mixture", gains="none", suite=own, out=tmp_path / "board", workers=1
    )
    states = {run.spec.separator.name: found.board.run(run.run_id) or {} for run in found.runs}
    assert states["always-fails"]["status"] == "failed"
    assert (states["mixture"]["status"], states["mixture"]["n_pairs"]) == ("done", 10)


def test_the_distinct_reasons_are_counted_at_the_end_and_on_the_leaderboard(
    bench: Bench,
    suite: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(failing.SCENES, "2")
    board = tmp_path / "board"
    assert bench(*choose(suite, board, "sometimes-fails")) == 1
    said = capsys.readouterr()
    assert said.err.count("ValueError: not this one") == 1
    assert "4 pairs" in said.err
    note = " ".join(said.out.split())
    assert "4 pairs failed: ValueError: not this one" in note
    assert PLACE in note.replace(" ", "")
    assert bench("report", "--out", board, "--suite", suite) == 0
    page = (board / "report" / "index.html").read_text(encoding="utf-8")
    section = page[page.index('id="failures"') : page.index('id="runs"')]
    assert section.count("ValueError: not this one (") == 1  # once, not once a metric
    assert "raise ValueError(" in section


def test_debug_raises_the_first_failure(suite: Path, tmp_path: Path) -> None:
    from bench.cli import main

    arguments = [str(one) for one in choose(suite, tmp_path / "board", "always-fails")]
    with pytest.raises(ValueError, match="no model for"):
        main(["--debug", *arguments])


def test_a_cause_names_the_plugins_line_and_not_that_of_a_library() -> None:
    import torch

    from tests.helpers.failing import Always

    with torch.no_grad(), pytest.raises(ValueError, match="no model") as caught:
        torch.no_grad()(Always().separate)(torch.zeros(1, 2, 7))
    cause = cause_of(caught.value)
    lines = Path(failing.__file__).read_text(encoding="utf-8").splitlines()
    line = 1 + next(n for n, text in enumerate(lines) if "the line that is told" in text)
    assert cause.reason == f"ValueError: no model for 7 samples (tests/helpers/failing.py:{line})"
    assert cause.traceback.endswith("ValueError: no model for 7 samples")


def test_an_error_of_the_input_has_no_place_in_the_code() -> None:
    with pytest.raises(bench.BenchError) as caught:
        raise bench.BenchError("mono", where="a.wav")
    assert cause_of(caught.value).reason == "a.wav: mono"
    assert cause_of(caught.value).traceback == ""


def test_messages_of_one_line_are_one_cause(tmp_path: Path) -> None:
    board = Board(tmp_path)
    for song in range(4):
        values = {("haaqi", "mean"): None, ("sdr", "mean"): None}
        reason = f"ValueError: scene {song} is odd (mine/separator.py:31)"
        rows = pair_rows(song, "L1", values, reason=reason, traceback="line 31")
        rows += pair_rows(song, "L2", {("haaqi", "mean"): 0.5, ("sdr", "mean"): None})
        board.append_scores("r1", f"scene {song}", rows)
    first, second = failures_of(board.scores("r1"))
    assert (first.pairs, first.texts, first.whole, first.traceback) == (4, 4, True, "line 31")
    assert (second.pairs, second.metrics, second.whole) == (4, ("sdr",), False)
    assert second.words == "it broke: 4 pairs of sdr"
    assert kind_of("any text") == "any text"


def test_show_tells_what_is_kept_of_a_run(
    bench: Bench, suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board = tmp_path / "board"
    assert bench(*choose(suite, board, "mixture")) == 0
    capsys.readouterr()
    assert bench("show", "mixture + none", "--out", board) == 0
    said = capsys.readouterr().out
    assert "lufs" in said
    assert "torch_version" in said
    assert "bench listen --out" in said
    assert bench("show", "mixture + none", "--out", board, "--format", "json") == 0
    content = json.loads(capsys.readouterr().out)
    assert content["run"]["status"] == "done"
    scene = sorted(Board(board).scores().scene)[0]
    assert bench("show", "mixture + none", "--out", board, "--scene", scene) == 0
    assert "Scores of the scene" in capsys.readouterr().out
    assert bench("show", "mixture + none", "--out", board, "--scene", "nothing") == 2
    assert bench("show", "mixtur + none", "--out", board) == 2
    assert "Did you mean 'mixture + none'" in capsys.readouterr().err
