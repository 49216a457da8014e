"""What ``bench doctor`` finds."""

from __future__ import annotations

import json

import pytest

from bench.api import LossSpec, SeparatorSpec
from bench.commands.doctor import MISSING, PROBLEM, Finding, _plugins
from bench.plugins import Plugins, Registered, load
from tests.helpers.command_line import Bench
from tests.helpers.plugins import BROKEN, Install, strangers


def test_doctor_says_what_is_wrong_and_how_to_fix_it(
    bench: Bench,
    install: Install,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from bench.commands import doctor

    install("raises", BROKEN["raises"][0])
    found = {"plugins": list(_plugins(strangers(load())))}
    monkeypatch.setattr(doctor, "doctor", lambda: doctor.Diagnosis(found))
    assert bench("doctor", "--format", "json") == 1
    told = json.loads(capsys.readouterr().out)
    assert not told["ok"]
    (bad,) = [one for one in told["sections"]["plugins"] if one["status"] == "problem"]
    assert bad["name"] == "raises of raises"
    assert "no licence" in bad["value"]
    assert "pip uninstall raises" in bad["hint"]
    assert bench("doctor") == 1
    text = capsys.readouterr().out
    assert "problem: RuntimeError: no licence" in text
    assert text.rstrip().endswith("1 problem")

    found["plugins"] = [Finding("all", "well"), Finding("weights", "none", MISSING, "get them")]
    assert bench("doctor") == 0
    assert "no problem" in capsys.readouterr().out


def test_doctor_finds_a_target_that_cannot_be_imported() -> None:
    raises = LossSpec(name="a", target="no_such_module:X", summary="")
    absent = SeparatorSpec(name="b", target="fractions:Absent", summary="")
    plugins = Plugins([Registered(raises, "d", "1"), Registered(absent, "d", "1")])
    found = {one.name: one for one in _plugins(plugins) if one.status == PROBLEM}
    assert "no_such_module" in found["loss a of d"].value
    assert "fractions:Absent" in found["separator b of d"].value
