"""One system under both protocols, trained once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import bench
from bench.board.layout import BEST, checkpoint_folder
from bench.commands.runs import RunResult
from bench.plugins import installed
from bench.spec.resolve import baseline_specs
from bench.spec.suite import load_suite
from tests.helpers.command_line import Bench
from tests.helpers.specs import make
from tests.helpers.suites import WriteSuite


@pytest.fixture(scope="module")
def suite(small_suite: WriteSuite) -> Path:
    return small_suite(loss="mse@remix", baselines=("mixture + fixed",))


@pytest.fixture(scope="module")
def result(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return bench.run(
        separator="mixture",
        gains="cnn",
        suite=suite,
        out=tmp_path_factory.mktemp("both") / "board",
        both_protocols=True,
        workers=1,
    )


def test_one_training_is_scored_under_both(result: RunResult) -> None:
    assert result.ok
    assert result.beside is not None
    one, other = result.runs[-1], result.beside.runs[-1]
    assert (one.spec.protocol, other.spec.protocol) == ("challenge", "shared-gains")
    assert other.spec.training_protocol == "challenge"
    assert one.run_id != other.run_id
    weights = [
        (checkpoint_folder(result.board.path, run.run_id) / BEST).read_bytes()
        for run in (one, other)
    ]
    assert weights[0] == weights[1]
    logs = [result.board.training(run.run_id).drop(columns="run_id") for run in (one, other)]
    assert len(logs[0])
    # Copied, seconds included: nothing was trained twice.
    assert logs[0].equals(logs[1])
    for run in (result, result.beside):
        assert {row.label for row in run.leaderboard.rows} == {"mixture + cnn", "mixture + fixed"}
    # Applied gains are the same system's: only the reference differs.
    gains = [
        result.board.scores(run.run_id, metric="gains").sort_values(["scene", "listener", "part"])
        for run in (one, other)
    ]
    assert gains[0].value.tolist() == gains[1].value.tolist()


def test_a_training_under_the_other_protocol_is_another_run(result: RunResult) -> None:
    assert result.beside is not None
    trained = result.beside.runs[-1].spec.canonical()
    assert trained["training"]["protocol"] == "challenge"
    assert trained["protocol"] == "shared-gains"


def test_the_command_shows_both_side_by_side(
    result: RunResult, suite: Path, bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--suite", suite, "--out", result.board.path, "--no-report", "--workers", 1)
    system = ("--separator", "mixture", "--gains", "cnn", "--both-protocols", "--format", "json")
    assert bench("run", *system, *where) == 0
    [rows] = json.loads(capsys.readouterr().out).values()
    found = {row["system"]: row for row in rows}
    assert set(found) == {"mixture + cnn", "mixture + fixed"}
    for row in found.values():
        assert row["challenge_n"] == row["shared-gains_n"] > 0
        assert row["challenge"] is not None
        assert row["shared-gains"] is not None
    # Fixed gains are those that the scene asks for: the protocols are one there.
    assert found["mixture + fixed"]["challenge"] == found["mixture + fixed"]["shared-gains"]


@pytest.mark.parametrize("name", ["demo", "cadenza-icassp-2024"])
def test_a_board_of_shared_gains_has_a_row_whose_reference_has_none(name: str) -> None:
    suite = load_suite(name)

    def labels(protocol: str) -> list[str]:
        specs = baseline_specs(installed(), suite, make(protocol=protocol))
        return [f"{spec.separator.name} + {spec.gains.name}" for spec in specs]

    assert "hdemucs + none" in labels("shared-gains")
    assert labels("challenge") == ["mixture + fixed", "oracle + fixed", "hdemucs + fixed"]
