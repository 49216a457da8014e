"""Plugins are found by their names."""

from __future__ import annotations

import logging

import pytest

from bench.api import SeparatorSpec
from bench.errors import BenchError
from bench.plugins import Plugins, Registered, load
from tests.helpers.plugins import Install, spec


def test_unknown_name_has_a_near_match() -> None:
    plugins = Plugins([Registered(spec("hdemucs"), "d", "1")])
    with pytest.raises(BenchError, match="Did you mean 'hdemucs'"):
        plugins.get(SeparatorSpec, "hdemuks")


OBSERVER = """
from bench.api import hookimpl
told = []
@hookimpl
def scene_scored(run_id, rows):
    told.append((run_id, rows))
    if {fails}:
        raise OSError("disk full")
"""


def test_an_observer_that_fails_costs_no_run(
    install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    install("bad-watch", OBSERVER.format(fails=True))
    install("good-watch", OBSERVER.format(fails=False))
    plugins = load()
    # Beside those that are installed on this machine.
    ours = [one for one in plugins.observers if one.name.endswith("-watch")]
    assert [one.name for one in ours] == ["bad-watch", "good-watch"]
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            plugins.notify("scene_scored", run_id="r", scene="s", rows=[])
    assert "bad-watch" in caplog.text
    assert caplog.text.count("disk full") == 1
    assert [len(one.plugin.told) for one in ours] == [1, 2]
    assert plugins.observer("good-watch/good-watch").hooks == ("scene_scored",)
    with pytest.raises(BenchError, match="Did you mean 'good-watch'"):
        plugins.observer("good-wach")
