"""Plugins that cannot be used: each is named with its owner and a remedy, none stops others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.api import API_VERSION, LossSpec
from bench.commands.doctor import MISSING, PROBLEM, _plugins
from bench.errors import BenchError
from bench.plugins import load
from tests.helpers.plugins import BROKEN, Install, loss, strangers


@pytest.mark.parametrize("name", BROKEN)
def test_a_failure_has_a_name_an_owner_and_a_remedy(name: str, install: Install) -> None:
    code, reason, remedy = BROKEN[name]
    install(name, code)
    install("zz-good", loss("good"))
    plugins = load()
    (failure,) = plugins.failures
    assert (failure.plugin, failure.distribution) == (name, name)
    assert reason in failure.reason
    assert remedy in failure.remedy
    assert name in str(failure)
    assert plugins.get(LossSpec, "good").distribution == "zz-good"
    assert plugins.get(LossSpec, "mse").distribution == "bench-hearing"


def test_a_missing_extra_is_named(install: Install) -> None:
    install("needy", "import made_of_gold\n", ('made-of-gold>=2; extra == "more"',))
    (failure,) = load().failures
    assert failure.remedy == "pip install 'needy[more]'"


def test_a_missing_requirement_is_named(install: Install) -> None:
    install("needy", "import made_of_gold\n", ("made_of_gold>=2",))
    (failure,) = load().failures
    assert failure.remedy == "pip install made_of_gold"


def test_an_extra_that_only_the_target_needs(install: Install, site: Path) -> None:
    (site / "made_up_heavy.py").write_text("import made_of_gold\n", encoding="utf-8")
    code = loss("heavy", target="made_up_heavy:Loss", needs=("more",))
    install("needy", code, ('made-of-gold>=2; extra == "more"',))
    plugins = load()
    assert plugins.failures == ()
    with pytest.raises(BenchError) as caught:
        plugins.get(LossSpec, "heavy").build(None)
    assert "made_of_gold" in str(caught.value)
    assert "pip install 'needy[more]'" in caught.value.hint
    (found,) = [one for one in _plugins(strangers(plugins)) if "heavy" in one.name]
    assert found.status == MISSING
    assert "pip install 'needy[more]'" in found.hint


def test_this_version_is_no_failure(install: Install) -> None:
    install("now", f"BENCH_API_VERSION = {API_VERSION}\n" + loss("now"))
    assert load().failures == ()


def test_two_of_one_name_are_a_conflict_and_both_can_be_used(install: Install) -> None:
    install("aa", loss("same"))
    install("bb", loss("same"))
    plugins = load()
    (conflict,) = plugins.conflicts()
    assert (conflict.kind, conflict.name, conflict.distributions) == ("loss", "same", ("aa", "bb"))
    assert "aa/same or bb/same" in conflict.remedy
    (found,) = [one for one in _plugins(strangers(plugins)) if one.status == PROBLEM]
    assert found.name == "loss same"
    assert plugins.get(LossSpec, "bb/same").distribution == "bb"


def test_the_command_line_tells_of_all_of_them(install: Install, site: Path) -> None:
    for name in ("raises", "typo", "newer"):
        install(name, BROKEN[name][0])
    install("aa", loss("same"))
    install("bb", loss("same"))
    done = subprocess.run(
        [sys.executable, "-c", "from bench.cli import main; main(['plugins', 'list'])"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode == 0
    for said in ("no licence", "Did you mean 'register_losses'", "API version 99", "aa and bb"):
        assert said in done.stderr
    assert "mse" in done.stdout
