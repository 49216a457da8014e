"""What a board keeps of a run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.api import Scene
from bench.leaderboard.headline import metrics_of, ordered_metrics
from bench.plugins import installed
from bench.runs.record import run_row, unranked_reason
from bench.spec.resolve import make_run_spec
from bench.spec.suite import load_suite
from tests.helpers.noises import Noises
from tests.helpers.specs import make


def test_a_board_knows_the_order_of_metrics_though_the_id_does_not() -> None:
    """The first metric of the suite is the headline, whatever its name is."""
    plugins, suite = installed(), load_suite("demo")
    rows = []
    for metrics in (("sdr", "haaqi", "clipping"), ("clipping", "sdr", "haaqi")):
        chosen = replace(suite, metrics=metrics)
        spec = make_run_spec(plugins, chosen, separator="mixture", gains="fixed")
        identity = spec.identity(plugins, {})
        rows.append((identity["spec"], run_row("r", spec, identity)))
        assert metrics_of(rows[-1][1]) == metrics
    assert rows[0][0] == rows[1][0]
    assert ordered_metrics([rows[0][1]], ["clipping", "haaqi", "sdr"])[0] == "sdr"


class Songs(Noises):
    """Two splits, of the same songs or of others."""

    splits = ("train", "valid")

    def __init__(self, shared: int) -> None:
        self.shared = shared

    def scenes(self, split: str) -> list[Scene]:
        found = list(super().scenes(split))
        if split == "valid":
            return found
        own = found[: self.shared] + [replace(s, song=f"other {s.song}") for s in found]
        return [replace(scene, id=f"train {scene.id} {scene.song}") for scene in own]


@pytest.mark.parametrize("shared", [0, 2])
def test_a_run_that_learns_songs_that_it_is_scored_on_is_not_ranked(shared: int) -> None:
    found = unranked_reason(make(), Songs(shared))
    expected = "it is trained on 2 of the songs that it is scored on" if shared else ""
    assert found == expected
    assert unranked_reason(make(separator="hdemucs", gains="fixed"), Songs(shared)) == ""


def test_a_run_whose_epoch_is_chosen_by_what_it_is_scored_on_is_not_ranked() -> None:
    def reason(**training: str) -> str:
        settings = {"validation_split": "valid", **training}
        return unranked_reason(make(options={"training": settings}), Songs(0))

    chosen = "its epoch was chosen on the split that it is scored on"
    assert reason() == reason(keep="best") == reason(keep="last", patience="2") == chosen
    assert reason(keep="last") == ""
    assert reason(validation_split="") == ""
