"""Names in parts: what differs stands in the name, what all rows share is said once."""

from __future__ import annotations

import json
from typing import Any

from bench.leaderboard.names import Name, names_of, runs_named

LOSS = "2*loudness + mse + 0.3*sdr"


def run(label: str, **more: Any) -> tuple[str, dict[str, Any]]:
    separator = label.partition(" + ")[0].partition("[")[0]
    row = {"label": label, "separator": separator, "prescription": "nalr", "loss": ""}
    return label, row | more


def named(*runs: tuple[str, dict[str, Any]]) -> list[str]:
    return [str(name) for name in names_of(runs)[0]]


def test_what_all_rows_share_is_said_once() -> None:
    runs = [
        run("a + fixed (8 pairs)"),
        run("b + fixed (nalr-fit, 8 pairs)", prescription="nalr-fit"),
    ]
    names, shared = names_of(runs)
    assert names == [Name("a + fixed"), Name("b + fixed", ("nalr-fit",))]
    assert shared == ["All rows: 8 pairs."]


def test_one_row_keeps_its_whole_label() -> None:
    assert names_of([run("a + fixed (8 pairs)")]) == ([Name("a + fixed", ("8 pairs",))], [])


def test_of_losses_that_differ_in_one_weight_the_term_is_named() -> None:
    def of(weight: str, *, default: bool = False) -> tuple[str, dict[str, Any]]:
        loss = f"{weight}haaqi-light + {LOSS}"
        label = "a + cnn" if default else f"a + cnn ({loss.replace(' ', '')})"
        return run(label, loss=loss)

    runs = [of("0*"), of(""), of("10*", default=True), run("mixture + fixed")]
    assert named(*runs) == [
        "a + cnn (0*haaqi-light)", "a + cnn (1*haaqi-light)", "a + cnn (10*haaqi-light)",
        "mixture + fixed",
    ]  # fmt: skip
    assert names_of(runs)[1] == [f"Loss of all trainings: {LOSS}, and the term named."]


def test_of_losses_with_several_terms_of_their_own_those_are_named() -> None:
    runs = [
        run(f"a + cnn ({term}+{LOSS.replace(' ', '')})", loss=f"{term} + {LOSS}")
        for term in ("5*haaqi-net", "5*haaqi-net@stems")
    ]
    assert named(*runs) == ["a + cnn (5*haaqi-net)", "a + cnn (5*haaqi-net@stems)"]


def test_a_loss_beside_the_suites_is_named_whole_and_the_suites_below() -> None:
    runs = [
        run("a + cnn", loss=f"10*haaqi-light + {LOSS}"),
        run("a + cnn (mse)", loss="mse"),
    ]
    assert named(*runs) == ["a + cnn", "a + cnn (mse)"]
    assert names_of(runs)[1] == [f"Loss where none is named: 10*haaqi-light + {LOSS}."]


def test_one_loss_for_all_is_said_once() -> None:
    runs = [run("a + cnn (mse)", loss="mse"), run("b + cnn (mse)", loss="mse")]
    assert named(*runs) == ["a + cnn", "b + cnn"]
    assert names_of(runs)[1] == ["Loss of all trainings: mse."]


def test_the_prescription_comes_before_the_loss_and_the_seed_after() -> None:
    runs = [
        run("a + cnn (nalr-fit, mse, seed 1)", loss="mse", prescription="nalr-fit"),
        run("a + cnn (sdr)", loss="sdr"),
    ]
    assert named(*runs)[0] == "a + cnn (nalr-fit, mse, seed 1)"


def test_names_that_were_given_stay_and_know_their_limit() -> None:
    runs = [
        run("my best", separator="a", spec_json=json.dumps({"limit": 8})),
        run("a + fixed (8 pairs)"),
    ]
    assert names_of(runs) == ([Name("my best"), Name("a + fixed")], ["All rows: 8 pairs."])


def test_two_rows_never_have_one_name() -> None:
    one, row = run("a + fixed (8 pairs)")
    runs = [(f"{one} [r1]", row | {"run_id": "r1"}), (f"{one} [r2]", row | {"run_id": "r2"})]
    assert named(*runs) == ["a + fixed (r1)", "a + fixed (r2)"]
    same = [("x", {"label": "x"}), ("x", {"label": "x"})]
    assert named(*same) == ["x", "x"]


def test_a_run_is_found_by_the_name_that_is_shown() -> None:
    """On a board whose rows share their number of pairs and differ in the weight of a term."""
    view = {"suite": "demo", "split": "valid", "protocol": "challenge"}
    weights = {"r0": f"0*haaqi-light + {LOSS}", "r1": f"haaqi-light + {LOSS}"}
    runs: list[dict[str, Any]] = [
        {**run(f"a + cnn ({loss.replace(' ', '')}, 8 pairs)", loss=loss)[1], "run_id": run_id}
        for run_id, loss in weights.items()
    ]
    runs += [
        {**run(f"a + fixed ({extra}8 pairs)", prescription=by)[1], "run_id": run_id}
        for run_id, extra, by in (("r2", "", "nalr"), ("r3", "nalr-fit, ", "nalr-fit"))
    ]
    runs += [{**runs[2], "run_id": "r4"}]  # scored again by other code
    runs = [{**one, **view} for one in runs]
    other = {"run_id": "r5", "protocol": "shared-gains", "label": "b + none (8 pairs)"}
    runs += [{**runs[3], **other}]

    def ids(name: str) -> list[str]:
        return [str(one["run_id"]) for one in runs_named(runs, name)]

    assert ids("r1") == ["r1"]
    assert ids("a + fixed (nalr-fit, 8 pairs)") == ["r3"]
    assert ids("a + cnn (1*haaqi-light)") == ["r1"]
    assert ids("a + cnn (0*haaqi-light)") == ["r0"]
    assert ids("a + fixed") == ["r2", "r4"]
    assert ids("a + fixed (nalr-fit)") == ["r3"]
    assert ids("a + fixed (r4)") == ["r4"]
    assert ids("a + cnn") == ids("") == ids("b + fixed") == []
    assert runs_named([], "a + cnn") == []


def test_labels_of_any_form_are_left_in_one_piece() -> None:
    for label in ("", "a", "a + b (", "a + (b)", "(x) + (y) (z", "a + b (c) d"):
        assert named((label, {"label": label, "separator": "a"}))
