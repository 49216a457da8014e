"""The baseline of the official suite is the challenge's, and says so where it cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.board.store import Board
from bench.builtin.separators import BUNDLES, URL, bundle_folder
from bench.errors import BenchError
from bench.leaderboard.table import leaderboard
from bench.plugins import installed
from bench.spec.resolve import baseline_specs, make_run_spec
from bench.spec.run import RunSpec
from bench.spec.suite import load_suite
from tests.helpers.boards import fill, run_row

SUITE = load_suite("cadenza-icassp-2024")


def baseline(separator: str = "mixture", suite: object = SUITE, **options: str) -> RunSpec:
    spec = make_run_spec(
        installed(), SUITE, separator=separator, gains="fixed", options={"separator": options}
    )
    (found,) = (
        one
        for one in baseline_specs(installed(), suite, spec)  # type: ignore[arg-type]
        if one.separator.name == "hdemucs"
    )
    return found


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path


def test_without_the_weights_the_row_has_another_name_and_says_how_to_get_them() -> None:
    found = baseline()
    assert found.label == "hdemucs[bundled] + fixed"
    assert f"{URL}{BUNDLES['musdb']}" in found.note
    assert found.separator.options.weights == "bundled"


def test_with_the_weights_on_this_machine_the_row_is_the_suites_baseline() -> None:
    file = bundle_folder() / BUNDLES["musdb"]
    file.parent.mkdir(parents=True)
    file.touch()
    for separator in ("mixture", "hdemucs"):
        found = baseline(separator)
        assert (found.label, found.note) == (SUITE.baseline, "")
        assert found.separator.options.weights == "musdb"
        assert found.trained_on == ("musdb18-train",)


def test_the_callers_choice_comes_first(home: Path) -> None:
    weights = home / "mine.safetensors"
    weights.touch()
    chosen = SUITE.with_baseline_options({"separator.weights": str(weights)})
    found = baseline("hdemucs", suite=chosen, weights="musdb-plus")
    assert found.separator.options.weights == str(weights)
    assert found.label == "hdemucs[weights=mine.safetensors] + fixed"
    # What the run's weights were trained on is said of the run's alone.
    own = SUITE.with_baseline_options({"separator.weights": "musdb"})
    found = baseline("hdemucs", suite=own, weights=str(weights), trained_on="private")
    assert (found.label, found.trained_on) == (SUITE.baseline, ("musdb18-train",))
    # Weights chosen for the run are those of the baseline that it started from.
    assert baseline("hdemucs-ft", weights=str(weights)).separator.options.weights == str(weights)
    with pytest.raises(BenchError, match=r"baselines have no option 'gains\.x'"):
        SUITE.with_baseline_options({"gains.x": "1"})


def test_the_published_value_stands_beside_other_weights(tmp_path: Path) -> None:
    board = Board(tmp_path / "board")
    for run_id, separator in (("ra", "hdemucs"), ("rb", "mixture")):
        spec = {"separator": {"name": separator, "options": {"weights": "bundled"}}}
        label = "hdemucs[bundled] + fixed" if separator == "hdemucs" else "mixture + fixed"
        row = run_row(run_id, separator, "fixed", suite=SUITE.name, label=label)
        board.write_run(row | {"spec_json": json.dumps(spec)})
        fill(board, run_id, 0.6)
    table = leaderboard(board, SUITE.name, "valid", "challenge", baseline=SUITE.baseline)
    assert table.baseline == "hdemucs[bundled] + fixed"
    (note,) = (note for note in table.notes if "0.6677" in note)
    assert "-o baseline.separator.weights=musdb" in note


def test_the_demo_has_the_bundled_weights_by_their_plain_name() -> None:
    demo = load_suite("demo")
    spec = make_run_spec(installed(), demo, separator="hdemucs", gains="fixed")
    assert spec.label == "hdemucs + fixed"
