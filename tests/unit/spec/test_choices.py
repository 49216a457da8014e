"""What a user says of a run, from Python and on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import bench
from bench.cli.options import run_options
from bench.errors import BenchError
from bench.spec.choices import Choices, check_choices, resolve


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


def test_the_limit_of_the_loudness_lost_is_the_prescriptions_option() -> None:
    chosen: Choices = {"separator": "mixture", "prescription": "nalr-limiter"}
    _, _, short = resolve(**chosen, max_loudness_loss=3)
    _, _, whole = resolve(**chosen, options={"prescription.max_loudness_loss": 3})
    assert short.canonical() == whole.canonical()
    assert short.prescription.options.max_loudness_loss == 3.0


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"separator": "hdemuks"}, "Did you mean 'hdemucs'"),
        ({"options": {"weights": "x"}}, "is not an option"),
        ({"options": {"separator.wieghts": "x"}}, "Did you mean 'weights'"),
        ({"suite": "nowhere"}, "there is no suite"),
        ({"max_loudness_loss": 3}, "nalr has no limit.*\nHave one: .*nalr-tuned"),
        ({"max_loudness_loss": 3, "prescription": "nalr-compressor"}, "nalr-compressor has no"),
        ({"max_loudness_loss": -1, "prescription": "nalr-tuned"}, "at least 0"),
    ],
)
def test_wrong_choices_are_named(choices: Choices, message: str) -> None:
    with pytest.raises(bench.BenchError, match=message):
        bench.plan(**choices)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"seperator": "mixture"}, "Did you mean 'separator'"),
        ({"sed": 3}, "Did you mean 'seed'"),
        ({"limit": -3}, "at least 0"),
        *(({"metrics": value}, "metrics") for value in (3, b"sdr", ["sdr", 1], [""], True)),
        *(({"limit": value}, "limit") for value in (True, 2.5, "x", None, float("nan"), [1])),
        *(({"seed": value}, "seed") for value in (True, 0.5, "", "1e3", 2**70)),
        *(({"epochs": value}, "epochs") for value in (-1, "many", 1.5, False)),
        *(({"max_loudness_loss": value}, "max_loudness_loss") for value in ("x", True, [3])),
        *(({"separator": value}, "is not a name") for value in (3, True, ["mixture"], b"mixture")),
        ({"options": ["separator.weights=x"]}, "not a mapping of options"),
        ({"options": {"separator.weights": None}}, "cannot be an option's value"),
        ({"options": {"separator": {"segment": -1}}}, "options={'separator.segment': -1}"),
        ({"options": {"training.clip_norm": float("nan")}}, "clip_norm"),
        ({"options": {"training.learning_rate": float("inf")}}, "learning_rate"),
        ({"options": {"training.schedule": "cosin"}}, "Did you mean 'cosine'"),
        ({"options": {"separator.segment": True}}, "segment"),
        ({"loss": "mse\0"}, "not a valid str"),
    ],
)
@pytest.mark.parametrize("command", ["run", "plan", "submit", "enhance", "score_folder"])
def test_python_refuses_what_the_command_line_refuses(
    command: str, choices: dict[str, Any], message: str, tmp_path: Path
) -> None:
    arguments = {
        "submit": (tmp_path / "files",),
        "score_folder": (tmp_path / "files",),
        "enhance": (tmp_path / "a.wav", tmp_path / "b.wav", bench.make_listener("N3")),
    }
    with pytest.raises(BenchError, match=message) as caught:
        getattr(bench, command)(*arguments.get(command, ()), **choices)
    assert len(str(caught.value).splitlines()) <= 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e9, -41, "6", True, None, [3]])
def test_a_gain_that_is_asked_for_is_a_number_of_dB(value: Any, tmp_path: Path) -> None:
    output = tmp_path / "out.wav"
    output.write_bytes(b"what was there")
    with pytest.raises(BenchError, match="dB"):
        bench.enhance(
            tmp_path / "song.wav",
            output,
            bench.make_listener("N3"),
            requested={"vocals": value},
            overwrite=True,
        )
    assert output.read_bytes() == b"what was there"


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("make_demo", {"seconds": float("nan")}),
        ("make_demo", {"seconds": float("inf")}),
        ("make_demo", {"songs": 0}),
        ("make_demo", {"songs": 2.5}),
        ("make_demo", {"workers": -1}),
        ("make_demo", {"listeners": True}),
    ],
)
def test_the_numbers_of_commands_are_checked(
    command: str, arguments: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(BenchError, match=next(iter(arguments))):
        getattr(bench, command)(tmp_path / "set", **arguments)
    assert not (tmp_path / "set").exists()
    with pytest.raises(BenchError, match="time_limit"):
        bench.run(time_limit=float("nan"))


def test_choices_are_checked_before_anything_is_read() -> None:
    with pytest.raises(BenchError, match="not a mapping of options"):
        check_choices({"options": ["separator.weights=x"]})
    with pytest.raises(BenchError, match="is not an option"):
        check_choices({"options": {"weights": "x"}})
    assert check_choices({"options": None, "epochs": None}) == {"options": None, "epochs": None}
