"""Names that plugins had earlier."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.errors import BenchError
from bench.plugins import installed
from bench.plugins.catalogue import note_former_name
from bench.plugins.front_ends import load_predictor
from bench.spec.former_names import parse_loss
from bench.spec.resolve import make_run_spec
from bench.spec.run import RunSpec
from bench.spec.suite import load_suite
from tests.helpers.specs import make


@pytest.fixture(autouse=True)
def _notes_again() -> None:
    note_former_name.cache_clear()


def with_metric(name: str) -> RunSpec:
    suite = replace(load_suite("demo"), metrics=("haaqi", name))
    return make_run_spec(installed(), suite, separator="hdemucs", gains="cnn")


def test_the_loss_by_its_front_end_is_the_one_that_it_meant(
    caplog: pytest.LogCaptureFixture,
) -> None:
    options = {"haaqi-net.front_end": "light", "haaqi-net.variant": "paper"}
    old = make(loss="mse + 10*haaqi-net@stems", options={"loss": options})
    assert "the loss 'haaqi-net' is now called 'haaqi-light'" in caplog.text
    new = make(
        loss="mse + 10*haaqi-light@stems", options={"loss": {"haaqi-light.variant": "paper"}}
    )
    assert (old.loss, old.losses, old.label) == (new.loss, new.losses, new.label)
    assert old.losses[0].options.variant == "paper"


def test_the_published_architecture_keeps_its_name(caplog: pytest.LogCaptureFixture) -> None:
    options = {"haaqi-net.front_end": "beats", "haaqi-net.weights": "w.pt"}
    spec = make(loss="haaqi-net", options={"loss": options})
    assert [choice.name for choice in spec.losses] == ["haaqi-net"]
    assert caplog.text == ""


def test_options_of_a_term_by_its_old_name(caplog: pytest.LogCaptureFixture) -> None:
    old = make(loss="joint", options={"loss": {"haaqi-net.variant": "paper"}})
    assert "now called 'haaqi-light'" in caplog.text
    assert old.losses == make(options={"loss": {"haaqi-light.variant": "paper"}}).losses
    # What means another plugin is not taken for this one's.
    with pytest.raises(BenchError, match="this run has no loss 'haaqi-net'"):
        make(loss="joint", options={"loss": {"haaqi-net.front_end": "beats"}})


def test_both_names_of_one_term_are_one_too_many() -> None:
    with pytest.raises(BenchError, match="'haaqi-light' occurs twice"):
        parse_loss("haaqi-light + haaqi-net", installed(), {"haaqi-net.front_end": "light"})


def test_a_suites_metric_by_its_old_name(caplog: pytest.LogCaptureFixture) -> None:
    assert with_metric("haaqi-net").metrics == with_metric("haaqi-light").metrics
    assert caplog.text.count("the metric 'haaqi-net' is now called 'haaqi-light'") == 1


def test_a_predictor_by_its_old_name(caplog: pytest.LogCaptureFixture) -> None:
    assert type(load_predictor("light")) is type(load_predictor("haaqi-light"))
    assert "the front-end 'light' is now called 'haaqi-light'" in caplog.text


def test_options_of_a_term_that_is_not_there_are_no_other_terms() -> None:
    with pytest.raises(BenchError, match="this run has no loss 'sdr'"):
        make(loss="haaqi-light", options={"loss": {"sdr.variant": "paper"}})
