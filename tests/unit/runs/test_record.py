"""What a board keeps of a run."""

from __future__ import annotations

from dataclasses import replace

from bench.leaderboard.headline import metrics_of, ordered_metrics
from bench.plugins import installed
from bench.runs.record import run_row
from bench.spec.resolve import make_run_spec
from bench.spec.suite import load_suite


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
