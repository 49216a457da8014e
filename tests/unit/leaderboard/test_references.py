"""Which rows share a reference."""

from __future__ import annotations

import json

import pytest

from bench.board.pairs import PairScores
from bench.board.store import Board
from bench.leaderboard.references import references_of
from tests.helpers.boards import run_row

NALR = {"name": "nalr", "options": {}}
COMPRESSOR = {"name": "nalr-compressor", "options": {"threshold": 0.35}}


def numbers(*specs: dict[str, object]) -> list[int]:
    runs = [
        run_row(f"r{n}", "oracle", "fixed", spec_json=json.dumps(spec))
        for n, spec in enumerate(specs)
    ]
    found = references_of(runs, PairScores(Board("nowhere"), []), "challenge")
    return [found[f"r{n}"] for n in range(len(specs))]


@pytest.mark.parametrize(
    ("specs", "expected"),
    [
        # The system's own prescription moves nothing.
        (
            [
                {"prescription": NALR, "reference_prescription": NALR},
                {"prescription": COMPRESSOR, "reference_prescription": NALR},
            ],
            [0, 0],
        ),
        # The suite's does.
        (
            [
                {"prescription": NALR, "reference_prescription": NALR},
                {"prescription": NALR, "reference_prescription": COMPRESSOR},
            ],
            [0, 1],
        ),
        # Older scores had the system's own.
        ([{"prescription": NALR}, {"prescription": COMPRESSOR}], [0, 1]),
        (
            [{"prescription": NALR}, {"prescription": NALR, "reference_prescription": NALR}],
            [0, 0],
        ),
    ],
)
def test_a_reference_is_known_by_its_prescription(
    specs: list[dict[str, object]], expected: list[int]
) -> None:
    assert numbers(*specs) == expected
