"""Run specs: labels and ids."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.plugins import installed
from bench.spec.run import RunSpec
from bench.spec.suite import load_suite
from tests.helpers.specs import make

FINGERPRINTS = {"valid": "a", "train": "b"}


def run_id(spec: RunSpec) -> str:
    return spec.run_id(installed(), FINGERPRINTS)


def test_same_run_same_id_however_it_is_written() -> None:
    plain = make(loss="joint")
    spelt = make(
        loss="mse+0.30*sdr + 2*loudness+10.0*haaqi-light",
        options={
            "separator": {"weights": "bundled"},
            "training": {"epochs": str(load_suite("demo").training.epochs)},
        },
    )
    assert run_id(plain) == run_id(spelt)


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"gains": "cnn-residual"},
        {"loss": "mse"},
        {"protocol": "shared-gains"},
        {"limit": 3},
        {"prescription": "nalr-compressor"},
        {"options": {"training": {"epochs": "5"}}},
    ],
)
def test_whatever_a_score_depends_on_changes_the_id(changes: dict[str, object]) -> None:
    assert run_id(make()) != run_id(make(**changes))


def test_data_and_plugin_versions_change_the_id() -> None:
    spec = make()
    assert spec.run_id(installed(), {"valid": "x", "train": "b"}) != run_id(spec)


def test_training_settings_do_not_matter_where_nothing_is_trained() -> None:
    fixed = {"separator": "hdemucs", "gains": "fixed"}
    assert run_id(make(**fixed)) == run_id(
        make(**fixed, seed=5, loss="mse", options={"training": {"epochs": "9"}})
    )


def test_weights_count_by_content(tmp_path: Path) -> None:
    first, second = tmp_path / "a.pt", tmp_path / "b.pt"
    first.write_bytes(b"same")
    second.write_bytes(b"same")

    def of(path: Path) -> str:
        return run_id(make(options={"separator": {"weights": str(path)}}))

    assert of(first) == of(second)
    second.write_bytes(b"other")
    assert of(first) != of(second)


def test_where_the_data_lie_does_not_matter() -> None:
    assert run_id(make(options={"dataset": {"root": "/a"}})) == run_id(
        make(options={"dataset": {"root": "/b"}})
    )


def test_labels_name_what_is_out_of_the_ordinary() -> None:
    assert make().label == "hdemucs-ft + cnn"
    assert make(seed=2, loss="mse").label == "hdemucs-ft + cnn (mse, seed 2)"
    assert "weights=musdb" in make(options={"separator": {"weights": "musdb"}}).label


def test_spec_is_frozen_data() -> None:
    spec = make()
    assert replace(spec, seed=0) == spec
