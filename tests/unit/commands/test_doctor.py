"""What ``bench doctor`` finds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.api import LossSpec, PluginFile, SeparatorSpec
from bench.commands.doctor import MISSING, PROBLEM, Finding, _plugins
from bench.errors import BenchError
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
    monkeypatch.setattr(doctor, "doctor", lambda **_: doctor.Diagnosis(found))
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


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.pt", b"<!DOCTYPE html><html>", "a web page"),
        ("a.pt", b"\n <html>", "a web page"),
        ("a.safetensors", b"<html>sign in</html>", "a web page"),
        ("a.pt", b"hello", "not written by torch.save"),
        ("a.th", b"KeyError", "not written by torch.save"),
        ("a.pt", b"", "it is empty"),
        ("a.pt", b"PK\3\4 half of an archive", "it is truncated"),
        ("a.safetensors", b"\xff" * 100, "not a safetensors file, or is truncated"),
    ],
)
def test_a_file_of_weights_that_is_something_else(
    tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    from bench.builtin.separators.weights import load_model
    from bench.commands.doctor import _files

    path = tmp_path / name
    path.write_bytes(content)

    class Owner:
        def files(self) -> list[PluginFile]:
            return [PluginFile("weights", path, "get them")]

    class Catalogue:
        every = (Owner(),)

    (found,) = _files(Catalogue())  # type: ignore[arg-type]
    assert found.status == PROBLEM
    assert problem in found.value
    assert str(path) in found.value
    assert found.hint.startswith("Delete it")
    with pytest.raises(BenchError, match=problem) as caught:
        load_model(str(path))
    assert caught.value.where == str(path)
    assert caught.value.hint.startswith("Delete it")


def test_files_of_weights_that_are_right(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    from bench.runtime.files import content_problem

    state = {"a": torch.zeros(3)}
    torch.save(state, tmp_path / "a.pt")
    torch.save(state, tmp_path / "b.th", _use_new_zipfile_serialization=False)
    save_file(state, tmp_path / "c.safetensors")
    assert [content_problem(path) for path in tmp_path.iterdir()] == ["", "", ""]
