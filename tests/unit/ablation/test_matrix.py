"""The runs of an ablation, and why the other combinations are none."""

from __future__ import annotations

from typing import Any

import pytest

from bench.ablation.design import Ablation, parse_ablation
from bench.ablation.matrix import Matrix, expand
from bench.errors import BenchError
from bench.plugins import installed
from bench.spec.suite import load_suite

LOSS = "mse + 0.3*sdr + 2*loudness + {alpha}*haaqi-light"


def matrix(**changes: Any) -> Matrix:
    return expand(Ablation(**changes), installed(), load_suite("demo"))


def labels(found: Matrix) -> list[str]:
    return [spec.label for spec in found.specs]


def test_the_issues_example() -> None:
    found = matrix(
        separator=("hdemucs", "hdemucs-ft"),
        gains=("fixed", "cnn", "cnn-residual"),
        loss=(LOSS,),
        grid={"alpha": ("0", "1", "5", "10")},
        seeds=3,
    )
    # hdemucs + fixed trains nothing: one run, not twelve.
    assert len(found.specs) == 1 + 5 * 4 * 3
    assert sum(one.count for one in found.skipped) == 11
    [skipped] = found.skipped
    assert skipped.name == "hdemucs + fixed"
    assert "nothing is trained" in skipped.reason
    trained = [spec for spec in found.specs if spec.trains]
    assert len({spec.loss for spec in trained}) == 4
    assert {spec.seed for spec in trained} == {0, 1, 2}
    assert "0*haaqi-light + 2*loudness + mse + 0.3*sdr" in {str(spec.loss) for spec in trained}


def test_gains_of_the_mixture_are_nothing_to_try() -> None:
    found = matrix(separator=("mixture",), gains=("cnn", "fixed", "none"))
    assert labels(found) == ["mixture + fixed"]
    assert [(one.count, one.name) for one in found.skipped] == [
        (1, "mixture + cnn"),
        (1, "mixture + none"),
    ]
    assert all("equal parts" in one.reason for one in found.skipped)
    assert labels(matrix(separator=("mixture",), gains=("none",))) == ["mixture + none"]


def test_a_limit_of_the_loudness_lost_is_of_the_prescriptions_that_have_it() -> None:
    limited = {"prescription.max_loudness_loss": "3.0"}
    chosen = parse_ablation({"max_loudness_loss": "3"}, where="here")
    assert chosen.options == limited
    found = matrix(
        separator=("mixture",), prescription=("nalr", "nalr-limiter"), options=chosen.options
    )
    assert [one.label.partition("(")[2] for one in found.specs] == [
        "",
        "nalr-limiter[max_loudness_loss=3.0])",
    ]
    # The suite's own prescription has none, named or not.
    for named in ("", "nalr"):
        with pytest.raises(BenchError, match="nalr has no limit"):
            matrix(separator=("mixture",), prescription=(named,), options=limited)


def test_a_loss_without_any_weight_is_skipped_for_what_trains() -> None:
    found = matrix(
        separator=("hdemucs", "hdemucs-ft"),
        loss=("{a}*mse + {b}*sdr",),
        grid={"a": ("0", "1"), "b": ("0", "1")},
    )
    assert [str(spec.loss) for spec in found.specs if spec.trains] == [
        "0*mse + sdr",
        "mse + 0*sdr",
        "mse + sdr",
    ]
    assert [one.reason for one in found.skipped if one.name == "hdemucs-ft + fixed"] == [
        "every weight of its loss is zero, so there is nothing to train for"
    ]
    with pytest.raises(BenchError, match="no combination can be run: every weight"):
        matrix(loss=("{a}*mse",), grid={"a": ("0",)})


def test_options_go_to_the_parts_that_have_them() -> None:
    found = matrix(
        separator=("mixture", "hdemucs"),
        grid={"separator.overlap": ("0.1", "0.2")},
        options={"separator.segment": "5"},
    )
    assert labels(found) == [
        "mixture + fixed",
        "hdemucs[segment=5.0] + fixed",
        "hdemucs[segment=5.0,overlap=0.2] + fixed",
    ]
    assert [(one.count, one.name) for one in found.skipped] == [(1, "mixture + fixed")]


def test_options_of_a_loss_go_to_the_losses_that_have_it() -> None:
    found = matrix(loss=("mse", "mse + sdr"), options={"loss.sdr.scale_invariant": "false"})
    assert [[choice.name for choice in spec.losses] for spec in found.specs] == [
        ["mse"],
        ["mse", "sdr"],
    ]
    assert found.specs[1].losses[1].options.scale_invariant is False


def test_a_grid_over_the_training() -> None:
    found = matrix(
        grid={"training.learning_rate": ("1e-4", "1e-3")}, options={"training.epochs": "1"}
    )
    assert [spec.training.learning_rate for spec in found.specs] == [1e-4, 1e-3]
    assert {spec.training.epochs for spec in found.specs} == {1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": ("mse + {beta}*sdr",)}, "the loss has {beta}, which is not in the grid"),
        ({"loss": ("mse + {}*sdr",)}, "which is not in the grid"),
        ({"grid": {"alpha": ("1",)}}, "nothing uses 'alpha'"),
        ({"separator": ("hdemuks",)}, "Did you mean 'hdemucs"),
        ({"gains": ("fixd",)}, "Did you mean 'fixed'"),
        ({"options": {"separator.weigths": "x"}}, "an option 'weigths'\nDid you mean 'weights'"),
        ({"grid": {"gains.depth": ("1", "2")}}, "none of fixed has an option 'depth'"),
        ({"grid": {"training.epoch": ("1",)}}, "Did you mean 'epochs'"),
        ({"grid": {"training.epochs": ("1", "many")}}, "'many' is not a valid int"),
        (
            {"loss": ("mse + {alpha}*sdr",), "grid": {"alpha": ("1", "x")}},
            "loss 'mse \\+ x\\*sdr'",
        ),
        ({"protocol": "chalenge"}, "there is no protocol"),
    ],
)
def test_mistakes_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        matrix(**changes)


def test_prescriptions_are_varied_and_trained_by_losses_that_reach_them() -> None:
    found = matrix(
        separator=("mixture",),
        prescription=("nalr", "nalr-headroom", "nalr-limiter-ft"),
        loss=("haaqi", "mse"),
        seeds=2,
    )
    assert labels(found) == [
        "mixture + fixed",
        "mixture + fixed (nalr-headroom)",
        "mixture + fixed (nalr-limiter-ft, haaqi)",
        "mixture + fixed (nalr-limiter-ft, haaqi, seed 1)",
    ]
    reasons = {one.reason: one.count for one in found.skipped}
    [unreached] = [why for why in reasons if "acts at the output" in why]
    assert reasons[unreached] == 2
