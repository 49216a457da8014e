"""Plugins that cannot be used: each is named with its owner and a remedy, none stops others."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.api import API_VERSION, LossSpec, SeparatorSpec
from bench.commands.doctor import MISSING, PROBLEM, Finding, _plugins
from bench.errors import BenchError
from bench.plugins import Plugins, Registered, load

HOOK = """
from bench.api import LossSpec, hookimpl
@hookimpl
def register_losses():
    return [LossSpec(name={name!r}, target={target!r}, summary="a test", needs={needs!r})]
"""


Install = Callable[..., None]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed distributions that this process sees."""
    known = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in set(sys.modules) - known:
        if name.startswith("made_up_"):
            del sys.modules[name]


@pytest.fixture
def install(site: Path) -> Install:
    """Installs a distribution of one module, as pip would leave it."""

    def do(name: str, code: str, requires: tuple[str, ...] = ()) -> None:
        module = f"made_up_{name.replace('-', '_')}"
        (site / f"{module}.py").write_text(code, encoding="utf-8")
        info = site / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", "Provides-Extra: more"]
        lines += [f"Requires-Dist: {requirement}" for requirement in requires]
        (info / "METADATA").write_text("\n".join([*lines, ""]), encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[bench]\n{name} = {module}\n", encoding="utf-8")

    return do


def strangers(plugins: Plugins) -> Plugins:
    """Without the built-in ones, whose targets take long to import."""
    items = [item for item in plugins.all(LossSpec) if item.distribution != "bench-hearing"]
    return Plugins(items, plugins.failures, plugins.observers)


def loss(name: str, target: str = "fractions:Fraction", needs: tuple[str, ...] = ()) -> str:
    return HOOK.format(name=name, target=target, needs=needs)


TYPO = "from bench.api import hookimpl\n@hookimpl\ndef register_loses():\n    return []\n"
BROKEN = {
    "raises": ("raise RuntimeError('no licence')\n", "no licence", "pip uninstall raises"),
    "exits": ("raise SystemExit('bye')\n", "SystemExit", "pip uninstall exits"),
    "typo": (TYPO, "register_loses", "Did you mean 'register_losses'"),
    "argument": (
        "from bench.api import hookimpl\n@hookimpl\ndef scene_scored(result):\n    pass\n",
        "scene_scored",
        "by the same names",
    ),
    "unmarked": ("def register_losses():\n    return []\n", "it has no hook", "pip uninstall"),
    "newer": ("BENCH_API_VERSION = 99\n", "API version 99", "--upgrade bench-hearing"),
    "older": ("BENCH_API_VERSION = 0\n", "API version 0", "pip install --upgrade older"),
    "other-api": ("from bench.api import NoSuchThing\n", "NoSuchThing", "do not fit"),
    "upper": (loss("My Loss"), "'My Loss'", "pip uninstall"),
    "target": (loss("fine", target="no colon"), "not 'module:Class'", "pip uninstall"),
    "twice": (
        loss("fine").replace("return [", "return 2 * ["),
        "two specs named 'fine'",
        "pip uninstall",
    ),
    "undeclared": ("import no_such_thing\n", "no_such_thing", "does not say that it needs it"),
}


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
    assert [one.name for one in plugins.observers] == ["bad-watch", "good-watch"]
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            plugins.notify("scene_scored", run_id="r", scene="s", rows=[])
    assert "bad-watch" in caplog.text
    assert caplog.text.count("disk full") == 1
    assert [len(one.plugin.told) for one in plugins.observers] == [1, 2]
    assert plugins.observer("good-watch/good-watch").hooks == ("scene_scored",)
    with pytest.raises(BenchError, match="Did you mean 'good-watch'"):
        plugins.observer("good-wach")


def test_the_command_line_tells_of_all_of_them(install: Install, site: Path) -> None:
    for name in ("raises", "typo", "newer"):
        install(name, BROKEN[name][0])
    install("aa", loss("same"))
    install("bb", loss("same"))
    done = subprocess.run(
        [sys.executable, "-c", "from bench.cli import main; main(['plugins', 'list'])"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(site)},
    )
    assert done.returncode == 0
    for said in ("no licence", "Did you mean 'register_losses'", "API version 99", "aa and bb"):
        assert said in done.stderr
    assert "mse" in done.stdout


def test_doctor_says_what_is_wrong_and_how_to_mend_it(
    install: Install, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from click.testing import CliRunner

    from bench.cli.doctor import command
    from bench.commands import doctor

    install("raises", BROKEN["raises"][0])
    found = {"plugins": list(_plugins(strangers(load())))}
    monkeypatch.setattr(doctor, "examine", lambda plugins: found)
    done = CliRunner().invoke(command, ["--format", "json"], standalone_mode=False)
    assert done.return_value == 1
    told = json.loads(done.output)
    assert not told["ok"]
    (bad,) = [one for one in told["sections"]["plugins"] if one["status"] == "problem"]
    assert bad["name"] == "raises of raises"
    assert "no licence" in bad["value"]
    assert "pip uninstall raises" in bad["hint"]
    text = CliRunner().invoke(command, [], standalone_mode=False)
    assert text.return_value == 1
    assert "problem: RuntimeError: no licence" in text.output
    assert text.output.rstrip().endswith("1 problem")

    found["plugins"] = [Finding("all", "well"), Finding("weights", "none", MISSING, "get them")]
    done = CliRunner().invoke(command, [], standalone_mode=False)
    assert done.return_value == 0
    assert "no problem" in done.output


def test_doctor_finds_a_target_that_cannot_be_imported() -> None:
    raises = LossSpec(name="a", target="no_such_module:X", summary="")
    absent = SeparatorSpec(name="b", target="fractions:Absent", summary="")
    plugins = Plugins([Registered(raises, "d", "1"), Registered(absent, "d", "1")])
    found = {one.name: one for one in _plugins(plugins) if one.status == PROBLEM}
    assert "no_such_module" in found["loss a of d"].value
    assert "fractions:Absent" in found["separator b of d"].value
