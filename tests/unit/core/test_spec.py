"""Run specs: parsing, labels, ids."""

from __future__ import annotations

from dataclasses import field, make_dataclass, replace
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.options import parse_options
from bench.plugins import installed
from bench.spec.resolve import baseline_specs, make_run_spec
from bench.spec.run import Choice, RunSpec
from bench.spec.suite import load_suite

FINGERPRINTS = {"valid": "a", "train": "b"}


def make(**changes: object) -> RunSpec:
    choices: dict[str, object] = {"separator": "hdemucs-ft", "gains": "cnn", **changes}
    return make_run_spec(installed(), load_suite("demo"), **choices)  # type: ignore[arg-type]


def run_id(spec: RunSpec) -> str:
    return spec.run_id(installed(), FINGERPRINTS)


def test_same_run_same_id_however_it_is_written() -> None:
    plain = make(loss="joint")
    spelt = make(
        loss="mse+0.30*sdr + 2*loudness+10.0*haaqi-net",
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


def test_baselines_share_protocol_and_weights() -> None:
    suite = load_suite("demo")
    spec = make(protocol="shared-gains", options={"separator": {"weights": "musdb"}})
    rows = {row.separator.name: row for row in baseline_specs(installed(), suite, spec)}
    assert set(rows) == {"mixture", "oracle", "hdemucs"}
    assert all(row.protocol == "shared-gains" for row in rows.values())
    assert rows["hdemucs"].separator.options.weights == "musdb"


def test_a_strangers_weights_are_not_the_baselines() -> None:
    """A separator of another distribution may have an option of that name, for its own files."""
    options = make_dataclass("Options", [("weights", str, field(default="theirs"))], frozen=True)
    spec = make()
    strange = replace(spec, separator=Choice("strange", options()))
    rows = {r.separator.name: r for r in baseline_specs(installed(), load_suite("demo"), strange)}
    assert rows["hdemucs"].separator.options.weights == "bundled"


def test_oracle_and_leaky_weights_are_unranked() -> None:
    suite = load_suite("cadenza-icassp-2024")

    def reason(weights: str, seen: str = "") -> str:
        options = {"separator": {"weights": weights, "seen": seen}, "dataset": {"root": "x"}}
        return make_run_spec(
            installed(), suite, separator="hdemucs", gains="fixed", options=options
        ).unranked_reason

    assert reason("musdb") == ""
    assert "musdb18-test" in reason("musdb-plus")
    assert "not said" in reason("/some/file.pt")
    assert reason("/some/file.pt", "musdb18-train") == ""
    assert "private" in reason("/some/file.pt", "musdb18-train, private")
    # What the known weights have seen cannot be talked away.
    assert "musdb18-test" in reason("musdb-plus", "musdb18-train")
    assert "clean stems" in make(separator="oracle", gains="fixed").unranked_reason


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"separator": "hdemuks"}, "Did you mean"),
        ({"loss": "mse + 0.3*srd"}, "srd"),
        ({"protocol": "chalenge"}, "challenge"),
        ({"options": {"training": {"epoch": "3"}}}, "epochs"),
        ({"options": {"training": {"epochs": "three"}}}, "not a valid int"),
        ({"options": {"training": {"batch": "0"}}}, "above 0"),
        ({"options": {"metric": {"sdr2.x": "1"}}}, "sdr2"),
    ],
)
def test_wrong_input_is_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        make(**changes)


def test_options_by_section() -> None:
    found = parse_options(["separator.weights=a=b", "loss.sdr.scale_invariant=false"])
    assert found["separator"] == {"weights": "a=b"}
    assert found["loss"] == {"sdr.scale_invariant": "false"}
    for wrong in ("separator", "weights=x", "seperator.weights=x", "separator.=x"):
        with pytest.raises(BenchError):
            parse_options([wrong])


def test_unknown_suite_and_bad_suite_files(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="Did you mean 'demo'"):
        load_suite("demmo")
    with pytest.raises(BenchError, match=r"cannot be read"):
        load_suite(str(tmp_path / "none.toml"))
    bad = tmp_path / "bad.toml"
    bad.write_text("name = ", encoding="utf-8")
    with pytest.raises(BenchError, match="malformed TOML"):
        load_suite(str(bad))
    bad.write_text('name = "x"\n[dataset]\nname = "demo"\n', encoding="utf-8")
    with pytest.raises(BenchError, match="'split' is missing"):
        load_suite(str(bad))


def test_spec_is_frozen_data() -> None:
    spec = make()
    assert replace(spec, seed=0) == spec
