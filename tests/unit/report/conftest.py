"""A board with all that a report shows."""

from __future__ import annotations

import pytest

from bench.board.store import Board
from tests.helpers.boards import HOSTILE_MARKUP, fill, known_board, pair_rows, run_row


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    """The known board with a training, failures, gains by ear, and hostile names everywhere."""
    board = known_board(tmp_path_factory.mktemp("board"))
    board.write_run(
        run_row(
            "revil",
            "hdemucs-ft",
            "cnn",
            label=HOSTILE_MARKUP,
            hardware=HOSTILE_MARKUP,
            loss="mse + sdr",
        )
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
        "revil", "ears", [row | {"song": HOSTILE_MARKUP} for row in pair_rows(7, "L2", values)]
    )
    failed = {("haaqi", "mean"): None, ("sdr", "mean"): None}
    board.append_scores("revil", HOSTILE_MARKUP, pair_rows(7, "L1", failed, reason=HOSTILE_MARKUP))
    for epoch in range(4):
        row = {"epoch": epoch, "valid/haaqi/left": 0.5, "valid/haaqi/right": 0.6}
        row |= {"valid/haaqi/mean": 0.5 + 0.1 * (epoch == 2), "valid/haaqi-light/mean": 0.6}
        if epoch:
            row |= {"loss": 3.0, "loss/mse": 0.1, "loss/sdr": -4.0, "loss/haaqi-light": 0.3}
        board.append_epoch("revil", row)
    board.write_run(run_row("rfail", "open-unmix", "none", status="failed", failure="it exploded"))
    return board
