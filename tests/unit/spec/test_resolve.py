"""Run specs: parsing, labels, ids."""

from __future__ import annotations

from dataclasses import field, make_dataclass, replace
from typing import Any

import pytest

from bench.api import SeparatorSpec
from bench.errors import BenchError
from bench.plugins import installed
from bench.spec.choices import resolve
from bench.spec.resolve import _trained_on, baseline_specs, make_run_spec
from bench.spec.run import Choice
from bench.spec.suite import load_suite
from tests.helpers.specs import make


def test_baselines_share_protocol_and_weights() -> None:
    suite = load_suite("demo")
    spec = make(protocol="shared-gains", options={"separator": {"weights": "musdb"}})
    rows = {row.separator.name: row for row in baseline_specs(installed(), suite, spec)}
    assert set(rows) == {"mixture", "oracle", "hdemucs"}
    assert all(row.protocol == "shared-gains" for row in rows.values())
    assert rows["hdemucs"].separator.options.weights == "musdb"


def test_baselines_are_scored_as_the_run_beside_them_is() -> None:
    exact = {"metric": {"haaqi.noise": "recipe"}}
    spec = make(options=exact)
    assert spec.label == "hdemucs-ft + cnn (haaqi[noise=recipe])"
    for row in baseline_specs(installed(), load_suite("demo"), spec):
        assert row.metrics == tuple(m for m in spec.metrics if m.name != "haaqi-light")
        (haaqi,) = [m for m in row.canonical()["metrics"] if m["name"] == "haaqi"]
        assert haaqi["options"]["noise"] == "recipe"


@pytest.mark.parametrize(
    ("choices", "computed"),
    [
        ({"separator": "hdemucs", "gains": "fixed"}, False),  # nothing is trained
        ({"loss": "joint"}, True),
        ({"loss": "mse + 0*haaqi-light@stems"}, True),  # one row of a grid of weights
        ({"loss": "mse + 0.3*sdr + 2*loudness"}, False),
        ({"loss": "haaqi-net@output"}, False),  # another predictor, though once of that name
        ({"loss": "haaqi"}, False),
    ],
)
def test_the_proxy_is_computed_where_a_run_trains_with_it(
    choices: dict[str, str], computed: bool
) -> None:
    spec = make(**choices)
    own = ["haaqi", "sdr", "lufs", "clipping"]
    assert [metric.name for metric in spec.metrics] == own + ["haaqi-light"] * computed
    for row in baseline_specs(installed(), load_suite("demo"), spec):
        assert [metric.name for metric in row.metrics] == own


def test_further_metrics_are_those_of_the_run_and_of_its_baselines() -> None:
    plugins, suite, spec = resolve(separator="hdemucs", metrics="haaqi-light, sdr")
    wanted = ["haaqi", "sdr", "lufs", "clipping", "haaqi-light"]
    for row in [spec, *baseline_specs(plugins, suite, spec)]:
        assert [metric.name for metric in row.metrics] == wanted
    trained = resolve(metrics=["haaqi-light"])[2]
    assert [metric.name for metric in trained.metrics] == wanted  # once
    assert spec.canonical() != resolve(separator="hdemucs")[2].canonical()
    with pytest.raises(BenchError, match="Did you mean"):
        resolve(metrics="haaqi-ligth")


def test_a_strangers_weights_are_not_the_baselines() -> None:
    """A separator of another distribution may have an option of that name, for its own files."""
    options = make_dataclass("Options", [("weights", str, field(default="theirs"))], frozen=True)
    spec = make()
    strange = replace(spec, separator=Choice("strange", options()))
    rows = {r.separator.name: r for r in baseline_specs(installed(), load_suite("demo"), strange)}
    assert rows["hdemucs"].separator.options.weights == "bundled"


def test_oracle_and_leaky_weights_are_unranked() -> None:
    suite = load_suite("cadenza-icassp-2024")

    def reason(weights: str, trained_on: str = "") -> str:
        options = {
            "separator": {"weights": weights, "trained_on": trained_on},
            "dataset": {"root": "x"},
        }
        return make_run_spec(
            installed(), suite, separator="hdemucs", gains="fixed", options=options
        ).unranked_reason

    assert reason("musdb") == ""
    assert "musdb18-test" in reason("musdb-plus")
    assert "not stated" in reason("/some/file.pt")
    assert reason("/some/file.pt", "musdb18-train") == ""
    assert "private" in reason("/some/file.pt", "musdb18-train, private")
    # What the known weights were trained on cannot be talked away.
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
        ({"options": {"training": {"batch": "0"}}}, "at least 1"),
        ({"options": {"metric": {"sdr2.x": "1"}}}, "sdr2"),
    ],
)
def test_wrong_input_is_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        make(**changes)


def test_weights_say_where_they_meet_music_that_they_do_not_know() -> None:
    def caution(suite: str, separator: str, **options: str) -> str:
        own = {"separator": options, "dataset": {} if suite == "demo" else {"root": "x"}}
        spec = make_run_spec(
            installed(), load_suite(suite), separator=separator, gains="fixed", options=own
        )
        return spec.caution

    challenge = "cadenza-icassp-2024"
    assert "trained on synthesised music only" in caution(challenge, "hdemucs")
    assert caution(challenge, "hdemucs-ft").startswith("hdemucs-ft: ")
    assert caution("demo", "hdemucs") == ""
    assert caution(challenge, "hdemucs", weights="musdb") == ""
    assert caution(challenge, "oracle") == ""


def test_a_trainable_prescription_makes_a_run_train() -> None:
    own = make(separator="mixture", gains="fixed", prescription="nalr-limiter-ft", loss="haaqi")
    assert own.trains
    assert own.label == "mixture + fixed (nalr-limiter-ft, haaqi)"
    assert "seed" in own.canonical()
    assert not make(separator="mixture", gains="fixed", prescription="nalr-limiter").trains


@pytest.mark.parametrize("loss", ["mse", "", "haaqi@remix", "mse + 0*haaqi@output"])
def test_a_loss_must_reach_the_prescription_that_it_trains(loss: str) -> None:
    with pytest.raises(BenchError, match=r"no term of the loss .* acts at the output"):
        make(
            separator="mixture",
            gains="fixed",
            prescription="nalr-limiter-ft",
            loss=loss or "mse + 0.3*sdr",
        )


def test_weights_of_gains_and_prescriptions_count_for_the_ranking() -> None:
    def reason(**options: str) -> str:
        own = {"prescription": options}
        return make(
            separator="mixture", gains="fixed", prescription="nalr-fit", options=own
        ).unranked_reason

    assert reason() == ""
    assert "not stated (-o prescription.trained_on" in reason(weights="/some/file.safetensors")
    assert reason(weights="/some/file.safetensors", trained_on="bench-synth") == ""
    suite = load_suite("cadenza-icassp-2024")
    private = {"weights": "/some/file.safetensors", "trained_on": "private"}
    spec = make_run_spec(
        installed(),
        suite,
        separator="mixture",
        gains="fixed",
        prescription="nalr-fit",
        options={"prescription": private, "dataset": {"root": "x"}},
    )
    assert spec.unranked_reason == "its weights were trained on private"


@pytest.mark.parametrize(
    ("needs", "trained_on", "expected"),
    [
        (("weights",), (), ("unknown",)),
        (("weights",), ("musdb18-train",), ("musdb18-train",)),
        ((), (), ()),
    ],
)
def test_weights_that_do_not_say_what_they_were_trained_on(
    needs: tuple[str, ...], trained_on: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    spec = SeparatorSpec(
        name="x", target="a:B", summary="A separator.", needs=needs, trained_on=trained_on
    )
    assert _trained_on(spec, None) == expected


@pytest.mark.parametrize(
    ("suite", "message"),
    [
        ({"baseline": "hdemcs + fixed"}, "no separator 'hdemcs'"),
        ({"baseline": "hdemucs[weights=musdb] + fixd (nalr-fit)"}, "no gains 'fixd'"),
        ({"contrasts": (("my best", "oracle + fixed"), ("a", "orcale + fixed"))}, "'orcale'"),
    ],
)
def test_the_labels_of_a_suites_statistics_exist(suite: dict[str, Any], message: str) -> None:
    wrong = replace(load_suite("demo"), **suite)
    with pytest.raises(BenchError, match=message) as caught:
        make_run_spec(installed(), wrong, separator="mixture", gains="fixed")
    assert "Did you mean" in caught.value.hint


def test_a_label_of_a_suites_statistics_may_have_options_or_be_a_name() -> None:
    for label in ("bench-hearing/hdemucs[weights=musdb] + cnn (nalr-fit)", "my best", ""):
        suite = replace(load_suite("demo"), baseline=label, contrasts=((label, "oracle + fixed"),))
        make_run_spec(installed(), suite, separator="mixture", gains="fixed")
