"""Run specs: labels and ids."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.plugins import installed
from bench.spec.choices import resolve
from bench.spec.resolve import fitted, make_run_spec, open_dataset
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


def form(**changes: object) -> dict[str, object]:
    return make(**changes).canonical()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"separator": "bench-hearing/mixture"}, {"separator": "mixture"}),
        ({"gains": "bench-hearing/fixed"}, {"gains": "fixed"}),
        ({"prescription": "bench-hearing/nalr"}, {"prescription": "nalr"}),
        ({"loss": "mse + 0.3*sdr"}, {"loss": "0.30*sdr+1*mse"}),
        ({"loss": "bench-hearing/mse + sdr"}, {"loss": "sdr + mse"}),
        ({"loss": "mse@stems + haaqi@output"}, {"loss": "haaqi + mse"}),
        (
            {"options": {"loss": {"bench-hearing/sdr.scale_invariant": "no"}}, "loss": "sdr"},
            {"options": {"loss": {"sdr.scale_invariant": False}}, "loss": "bench-hearing/sdr"},
        ),
        (
            {"options": {"separator": {"overlap": "-0.0"}}},
            {"options": {"separator": {"overlap": 0}}},
        ),
        ({"options": {"separator": {"overlap": "1e-1"}}}, {}),
    ],
)
def test_one_run_has_one_id_however_it_is_written(
    one: dict[str, object], other: dict[str, object]
) -> None:
    assert form(**one) == form(**other)
    assert make(**one).label == make(**other).label


def test_the_order_of_metrics_changes_no_score() -> None:
    plugins, suite = installed(), load_suite("demo")
    for separator, same in (("mixture", True), ("hdemucs-ft", False)):
        forms = [
            make_run_spec(
                plugins, replace(suite, metrics=metrics), separator=separator, gains="fixed"
            ).canonical()
            for metrics in (
                ("haaqi", "sdr", "lufs"),
                ("lufs", "bench-hearing/haaqi", "sdr", "haaqi"),
            )
        ]
        # The first one chooses the best epoch of a training.
        assert (forms[0] == forms[1]) == same


def test_a_limit_that_leaves_nothing_out_is_none(small_set: Path) -> None:
    options = {"dataset": {"root": str(small_set)}}
    spec = make_run_spec(
        installed(), load_suite("cadenza-icassp-2024"), separator="mixture", gains="fixed",
        limit=4, options=options,
    )  # fmt: skip
    dataset = open_dataset(spec, installed())
    assert fitted(spec, dataset).limit == 0
    assert fitted(replace(spec, limit=3), dataset).limit == 3
    assert fitted(replace(spec, limit=99), dataset) == fitted(spec, dataset)


def test_seeds_are_numbers() -> None:
    spec = [resolve(seed=seed, gains="cnn")[2] for seed in ("3", 3)]  # type: ignore[typeddict-item]
    assert spec[0] == spec[1]


@pytest.mark.parametrize(
    ("choices", "options"),
    [
        ({}, {"separator": {"overlap": "0.2"}}),
        ({"gains": "cnn-embedding"}, {"gains": {"size": "4"}}),
        ({"loss": "sdr"}, {"loss": {"sdr.scale_invariant": "no"}}),
        ({}, {"metric": {"haaqi.noise": "recipe"}}),
    ],
)
def test_an_option_of_any_part_changes_the_id(
    choices: dict[str, object], options: dict[str, dict[str, str]]
) -> None:
    assert run_id(make(**choices)) != run_id(make(**choices, options=options))


def test_the_references_prescription_changes_the_id() -> None:
    moved = replace(load_suite("demo"), reference_prescription="nalr-limiter")
    choices = {"separator": "mixture", "gains": "fixed", "prescription": "nalr"}
    assert run_id(make(**choices)) != run_id(make_run_spec(installed(), moved, **choices))


def test_a_run_that_trains_depends_on_the_songs_that_it_learns(small_set: Path) -> None:
    dataset = open_dataset(make(options={"dataset": {"root": str(small_set)}}), installed())
    assert set(make().fingerprints(dataset)) == {"train", "valid"}
    assert set(make(separator="hdemucs", gains="fixed").fingerprints(dataset)) == {"valid"}


def test_a_training_keeps_its_protocol_when_it_is_scored_by_the_other() -> None:
    other = make(protocol="challenge").under_other_protocol()
    assert (other.protocol, other.training_protocol) == ("shared-gains", "challenge")


def test_observers_are_told_what_a_run_is() -> None:
    trains = make(seed=3, loss="mse", options={"training": {"epochs": "4"}})
    info = trains.info()
    assert (info.label, info.suite, info.split) == (trains.label, "demo", "valid")
    assert (info.separator, info.gains, info.prescription) == ("hdemucs-ft", "cnn", "nalr")
    assert (info.loss, info.epochs, info.seed) == ("mse", 4, 3)
    assert info.settings == trains.canonical()
    plain = make(separator="hdemucs", gains="fixed").info()
    assert (plain.loss, plain.epochs) == ("", 0)


def test_what_is_said_in_a_label() -> None:
    plain = {"separator": "hdemucs", "gains": "fixed"}
    assert make(**plain, seed=2, loss="mse").label == "hdemucs + fixed"  # neither counts
    assert make(**plain, limit=3).label == "hdemucs + fixed (3 pairs)"
    assert make(**plain, prescription="nalr-fit").label == "hdemucs + fixed (nalr-fit)"
    assert make(loss="sdr + mse", limit=1).label == "hdemucs-ft + cnn (mse+sdr, 1 pairs)"
    wide = make(gains="cnn-embedding", options={"gains": {"size": "4"}})
    assert wide.label == "hdemucs-ft + cnn-embedding[size=4]"
    assert replace(wide, name="mine").label == "mine"


def test_strangers_are_those_of_other_distributions() -> None:
    spec = make(separator="hdemucs", gains="fixed")
    assert not spec.has_strangers(installed())
    assert {item.spec.name for item in spec.used(installed())} >= {
        "hdemucs",
        "fixed",
        "nalr",
        "sdr",
    }
    assert "mse" not in {item.spec.name for item in spec.used(installed())}
    assert "mse" in {item.spec.name for item in make(loss="mse").used(installed())}


def test_splits_that_a_run_reads() -> None:
    assert make(separator="hdemucs", gains="fixed").splits() == ("valid",)
    assert make().splits() == ("valid", "train")
    validates = make(options={"training": {"validation_split": "eval"}})
    assert validates.splits() == ("valid", "train", "eval")
    assert make(split="train").splits() == ("train",)
