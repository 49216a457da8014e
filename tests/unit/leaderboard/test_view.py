"""What of a leaderboard is shown: columns, rows and order; ranks stay those of the whole board."""

from __future__ import annotations

import json

import pytest

from bench.board.store import Board
from bench.errors import BenchError
from bench.leaderboard.export import render
from bench.leaderboard.view import shown
from tests.helpers.boards import build
from tests.helpers.command_line import Bench


def test_metrics_are_chosen_and_ranks_stay(board: Board) -> None:
    whole = build(board)
    table = shown(whole, metric=["sdr"])
    text = render(table)
    assert "SDR" in text
    assert "Clipped" not in text
    assert "Columns left out" not in text
    assert [row.rank for row in table.rows] == [row.rank for row in whole.rows]
    assert "Ranks and differences are of HAAQI" in " ".join(text.split())
    assert "sdr" in render(table, "csv").splitlines()[0]
    assert "haaqi," not in render(table, "csv").splitlines()[0]
    ears = shown(whole, metric=["haaqi/left"])
    assert [column.key for column in ears.shown_columns] == ["haaqi/left"]
    assert [c.key for c in shown(whole, metric=["haaqi"]).shown_columns] == [
        "haaqi", "haaqi/left", "haaqi/right",
    ]  # fmt: skip


def test_rows_are_sorted_with_the_best_on_top(board: Board) -> None:
    whole = build(board)
    by = {key: [row.label for row in shown(whole, sort=key).lines()] for key in ("haaqi", "sdr")}
    assert by["haaqi"][0] == "oracle + fixed"
    assert by["sdr"][-1] == "mixture + fixed"
    for row, value in zip(whole.rows, (0.5, 0.1, 0.3, 0.2, 0.4), strict=True):
        worse = row.values["clipping"]
        object.__setattr__(worse, "mean", value)
    clipped = [row.values["clipping"].mean for row in shown(whole, sort="clipping").lines()]
    assert clipped == sorted(clipped)


def test_rows_are_chosen_and_counted(board: Board) -> None:
    whole = build(board)
    table = shown(whole, where=["separator=hdemucs*", "gains!=cnn*"])
    assert [row.label for row in table.rows] == ["hdemucs-ft + fixed", "hdemucs + fixed"]
    kept = {row.label: (row.rank, row.p) for row in whole.rows}
    assert {row.label: (row.rank, row.p) for row in table.rows}.items() <= kept.items()
    assert "Shown are 2 of 5 runs: separator=hdemucs*, gains!=cnn*." in table.notes


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"metric": ["sdrr"]}, "Did you mean 'sdr'"),
        ({"sort": "haaqy"}, "Did you mean 'haaqi'"),
        ({"where": ["separatr=x"]}, "Did you mean 'separator'"),
    ],
)
def test_what_is_not_there_is_told(board: Board, how: dict[str, object], said: str) -> None:
    with pytest.raises(BenchError, match=said):
        shown(build(board), **how)  # type: ignore[arg-type]


def test_the_command_has_them(
    board: Board, bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    how = ("--metric", "sdr,lufs", "--sort", "sdr", "--where", "separator=hdemucs*")
    assert bench("leaderboard", "--out", board.path, *how, "--format", "json") == 0
    content = json.loads(capsys.readouterr().out)
    assert len(content["rows"]) == 3
    assert "sdr" in content["rows"][0]
    assert "clipping" not in content["rows"][0]
