"""``bench plugins check``, ``check_plugin`` and what they say."""

from __future__ import annotations

import json
from collections.abc import Callable
from unittest import SkipTest

import pytest

from bench.api import GainQuery, GainsSpec, LossSpec
from bench.commands import plugins as commands
from bench.errors import BenchError
from bench.plugins import Failure, Observer, Plugins, Registered
from bench.testing import check_plugin
from tests.helpers.command_line import Bench


class Fixed:
    def gains(self, query: GainQuery) -> object:
        return query.requested


class Short(Fixed):
    def gains(self, query: GainQuery) -> object:
        return query.requested[:, :3]


class Weightless(Fixed):
    def __init__(self) -> None:
        raise BenchError("there is no such file", where="model.pt", hint="Download it")


def plugin(
    name: str, made: type, distribution: str = "d", needs: tuple[str, ...] = ()
) -> Registered:
    target = f"{__name__}:{made.__name__}"
    spec = GainsSpec(name=name, target=target, summary="a test", needs=needs)
    return Registered(spec, distribution, "1", "bench.errors")


PLUGINS = Plugins(
    [
        plugin("fine", Fixed),
        plugin("short", Short),
        plugin("unmade", Weightless),
        plugin("needy", Weightless, needs=("weights",)),
        plugin("same", Fixed, "aa"),
        plugin("same", Fixed, "bb"),
        Registered(LossSpec(name="fine", target="fractions:Fraction", summary=""), "d", "1"),
    ],
    [Failure("lost", "d", "ImportError: gone", "pip install gone")],
)

Call = Callable[..., tuple[int, str]]


@pytest.fixture
def check(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """``bench plugins check``: the exit code and what is printed, errors included."""
    monkeypatch.setattr(commands, "installed", lambda: PLUGINS)

    def call(*arguments: str) -> tuple[int, str]:
        code = bench("plugins", "check", *arguments)
        return code, "".join(capsys.readouterr())

    return call


def test_all_is_well(check: Call) -> None:
    code, said = check("fine", "--kind", "gains")
    assert code == 0
    assert "passed   shape" in said
    assert "skipped  pickle  it has no options" in said
    assert "gains 'fine' of d: 17 checks passed, 3 skipped" in said


def test_a_failure_says_what_was_expected_what_came_and_how_to_mend_it(check: Call) -> None:
    code, said = check("short")
    assert code == 1
    failure = said[said.index("\nshape\n") :]
    assert "expected: separator: stems (B, 4, 2, N)" in failure
    assert "got:      (2, 3) for B=2" in failure
    assert "fix:      return what bench.api says" in failure


def test_json_has_all_of_it(check: Call) -> None:
    code, said = check("short", "--format", "json")
    assert code == 1
    (report,) = json.loads(said)
    assert (report["kind"], report["name"], report["distribution"]) == ("gains", "short", "d")
    assert report["ok"] is False
    (shape,) = [one for one in report["results"] if one["check"] == "shape"]
    assert shape["status"] == "failed"
    assert {"expected", "got", "fix"} <= set(shape)


def test_one_name_of_two_kinds_is_checked_as_both(check: Call) -> None:
    code, said = check("fine", "--format", "json")
    assert [report["kind"] for report in json.loads(said)] == ["gains", "loss"]
    assert code == 1


def test_what_cannot_be_made_fails_and_says_why(check: Call) -> None:
    code, said = check("unmade")
    assert code == 1
    assert "there is no such file; Download it" in said
    assert "it could not be constructed" in said


def test_what_needs_weights_is_not_checked_and_does_not_pass(check: Call) -> None:
    code, said = check("needy")
    assert code == 1
    assert "not checked: it needs weights: model.pt: there is no such file" in said
    with pytest.raises(SkipTest, match="it needs weights"):
        check_plugin("gains", "needy", plugins=PLUGINS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fien"], "Did you mean 'fine'"),
        (["lost"], "pip install gone"),
        (["same"], "aa/same or bb/same"),
        (["fine", "--kind", "loss", "-o", "x=1"], "it has no options, got 'x'"),
        (["fine", "-o", "x"], "Write it as NAME=VALUE"),
    ],
)
def test_wrong_input(check: Call, arguments: list[str], message: str) -> None:
    code, said = check(*arguments)
    assert code == 2
    assert said.startswith("error: ")
    assert message in said


def test_show_and_list_know_observers(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    watch = Observer("watch", "d", "2.0", ("run_finished",), "bench.errors", None)
    monkeypatch.setattr(
        commands, "installed", lambda: Plugins([plugin("fine", Fixed)], (), [watch])
    )
    assert bench("plugins", "show", "watch") == 0
    assert capsys.readouterr().out == "observer watch: notified by run_finished\n  from: d 2.0\n"
    assert bench("plugins", "list") == 0
    assert "  watch  notified by run_finished  [d]\n" in capsys.readouterr().out
    assert bench("plugins", "show", "fine") == 0
    assert "gains fine: a test" in capsys.readouterr().out


def test_a_full_name_says_which(check: Call) -> None:
    code, said = check("bb/same")
    assert code == 0
    assert "gains 'same' of bb" in said


def test_check_plugin_raises_with_every_failure_at_once() -> None:
    with pytest.raises(AssertionError) as caught:
        check_plugin("gains", "short", plugins=PLUGINS)
    text = str(caught.value)
    assert text.startswith("gains 'short' of d: ")
    assert "\nshape\n" in text
    assert "\nodd-length\n" in text
    report = check_plugin("gains", "fine", plugins=PLUGINS)
    assert report.failures == ()
