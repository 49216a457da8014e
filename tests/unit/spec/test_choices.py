"""What a user says of a run, from Python and on the command line."""

from __future__ import annotations

import pytest

import bench
from bench.cli.options import run_options
from bench.spec.choices import Choices, resolve


def test_it_takes_what_the_command_line_takes() -> None:
    @run_options
    def command() -> None: ...

    options = {option.name for option in command.__click_params__}  # type: ignore[attr-defined]
    # Where the board is and whether baselines are run are no part of what a run is.
    expected = options - {"out", "baselines", "option"} | {"options"}
    assert set(Choices.__annotations__) == expected


def test_options_count_as_on_the_command_line() -> None:
    _, _, spec = resolve(
        separator="hdemucs-ft",
        epochs=3,
        options={"separator.segment": 5.0, "training.batch": 2, "loss.sdr.scale_invariant": False},
    )
    assert spec.separator.options.segment == 5.0
    assert (spec.training.batch, spec.training.epochs) == (2, 3)
    assert next(c for c in spec.losses if c.name == "sdr").options.scale_invariant is False


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"separator": "hdemuks"}, "Did you mean 'hdemucs'"),
        ({"options": {"weights": "x"}}, "is not an option"),
        ({"options": {"separator.wieghts": "x"}}, "Did you mean 'weights'"),
        ({"suite": "nowhere"}, "there is no suite"),
    ],
)
def test_wrong_choices_are_named(choices: Choices, message: str) -> None:
    with pytest.raises(bench.BenchError, match=message):
        bench.plan(**choices)
