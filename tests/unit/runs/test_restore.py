"""Runs that a board keeps are made again just as they were, or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.board.layout import BEST
from bench.board.store import Board
from bench.errors import BenchError
from bench.plugins import installed
from bench.runs.restore import StoredRun, stored_run
from bench.spec.resolve import make_run_spec
from bench.spec.suite import load_suite
from bench.system.system import build_system
from bench.system.weights import save_weights

PLUGINS = installed()
SUITE = load_suite("demo")


def kept_run(board: Board, separator: str, gains: str, **choices: Any) -> dict[str, Any]:
    """The row that a board keeps of a run, as far as it says what the run was."""
    spec = make_run_spec(PLUGINS, SUITE, separator=separator, gains=gains, **choices)
    row = {
        "run_id": f"r{separator}",
        "status": "done",
        "suite": spec.suite,
        "split": spec.split,
        "protocol": spec.protocol,
        "label": spec.label,
        "spec_json": json.dumps(spec.canonical(), sort_keys=True),
    }
    board.write_run(row)
    return row


def test_a_run_comes_back_as_it_was(tmp_path: Path) -> None:
    board = Board(tmp_path)
    row = kept_run(board, "hdemucs", "fixed", options={"separator": {"overlap": "0.2"}})
    found = stored_run(board, row["run_id"], SUITE, PLUGINS)
    assert found.weights is None
    assert json.dumps(found.spec.canonical(), sort_keys=True) == row["spec_json"]
    assert found.spec.separator.options.overlap == 0.2
    assert stored_run(board, row["label"], SUITE, PLUGINS).run_id == row["run_id"]


def test_a_run_comes_back_with_its_metrics_and_their_options(tmp_path: Path) -> None:
    board = Board(tmp_path)
    suite = SUITE.with_metrics(["haaqi-light"])
    options = {"metric": {"haaqi.noise": "recipe", "haaqi.unclipped": True}}
    spec = make_run_spec(PLUGINS, suite, separator="hdemucs", gains="fixed", options=options)
    kept = spec.canonical()
    # What this installation does not have, and an option that a metric has no more.
    kept["metrics"].append({"name": "somebody-else/mos", "options": {}})
    kept["metrics"][1]["options"] = {"gone": 1, **kept["metrics"][1]["options"]}
    row = {"run_id": "r", "status": "done", "suite": "demo", "label": "x"}
    row |= {"split": spec.split, "protocol": spec.protocol}
    board.write_run({**row, "spec_json": json.dumps(kept)})
    assert stored_run(board, "r", SUITE, PLUGINS).spec.metrics == spec.metrics


def test_a_trained_run_has_its_own_weights(tmp_path: Path) -> None:
    board = Board(tmp_path)
    row = kept_run(board, "mixture", "cnn", options={"training": {"epochs": "7"}}, seed=3)
    with pytest.raises(BenchError, match="weights of its training are missing"):
        stored_run(board, row["run_id"], SUITE, PLUGINS)
    state = {"gains.head.bias": torch.tensor([0.1, 0.2, 0.3, 0.4])}
    folder = tmp_path / "checkpoints" / f"run_id={row['run_id']}"
    folder.mkdir(parents=True)
    (folder / BEST).touch()
    found = stored_run(board, row["run_id"], SUITE, PLUGINS)
    assert (found.spec.training.epochs, found.spec.seed) == (7, 3)
    save_weights(folder / BEST, build_system(found.spec, PLUGINS).state() | state)
    bias = found.system(PLUGINS).state()["gains.head.bias"]
    assert torch.equal(bias, state["gains.head.bias"])


def test_a_file_must_be_given_again_and_be_the_same(tmp_path: Path) -> None:
    board, weights = Board(tmp_path / "board"), tmp_path / "weights.pt"
    weights.write_bytes(b"these weights")
    option = {"separator": {"weights": str(weights)}}
    row = kept_run(board, "hdemucs", "fixed", options=option)
    with pytest.raises(BenchError, match=r"separator\.weights was given as a file"):
        stored_run(board, row["run_id"], SUITE, PLUGINS)
    found = stored_run(board, row["run_id"], SUITE, PLUGINS, option)
    assert found.spec.separator.options.weights == str(weights)
    other = tmp_path / "other.pt"
    other.write_bytes(b"other weights")
    with pytest.raises(BenchError, match="its separator has changed"):
        stored_run(board, row["run_id"], SUITE, PLUGINS, {"separator": {"weights": str(other)}})


def test_options_go_to_the_runs_that_have_them(tmp_path: Path) -> None:
    board = Board(tmp_path)
    row = kept_run(board, "mixture", "fixed")
    found = stored_run(board, row["run_id"], SUITE, PLUGINS, {"separator": {"weights": "x.pt"}})
    assert found.spec.separator.options is None


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    board = Board(tmp_path)
    with pytest.raises(BenchError, match="no run 'mixture"):
        stored_run(board, "mixture + fixed", SUITE, PLUGINS)
    row = kept_run(board, "mixture", "fixed")
    with pytest.raises(BenchError, match=r"Did you mean 'mixture \+ fixed'"):
        stored_run(board, "mixture + fixd", SUITE, PLUGINS)
    with pytest.raises(BenchError, match="belongs to the suite 'demo'"):
        stored_run(board, row["run_id"], load_suite("cadenza-icassp-2024"), PLUGINS)


@pytest.mark.parametrize(
    ("suite", "trained", "separator", "expected"),
    [
        ("demo", True, "hdemucs-ft", True),  # on the music that the weights know already
        ("cadenza-icassp-2024", True, "hdemucs-ft", False),
        ("cadenza-icassp-2024", False, "hdemucs-ft", True),
        ("cadenza-icassp-2024", True, "hdemucs", True),  # its gains were trained, not its weights
        ("cadenza-icassp-2024", False, "oracle", False),
    ],
)
def test_weights_that_know_other_music(
    suite: str, trained: bool, separator: str, expected: bool
) -> None:
    options = {"dataset": {} if suite == "demo" else {"root": "x"}}
    spec = make_run_spec(
        installed(), load_suite(suite), separator=separator, gains="cnn", options=options
    )
    run = StoredRun("r", spec.label, spec, Path("checkpoint") if trained else None)
    assert bool(run.caution(installed())) == expected
