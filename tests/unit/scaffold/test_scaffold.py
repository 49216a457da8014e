"""What ``bench plugins new`` writes, and the names that it refuses."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

from bench.api import SeparatorSpec
from bench.errors import BenchError
from bench.plugins import Observer, Plugins, Registered
from bench.scaffold import next_steps, write_package
from bench.spec.suite import parse_suite
from bench.testing.subject import KINDS

TAKEN = Plugins(
    [Registered(SeparatorSpec(name="taken", target="a:B", summary=""), "somebody", "1")],
    observers=[Observer("watching", "somebody", "1", (), "a", None)],
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_is_whole(kind: str, tmp_path: Path) -> None:
    folder = write_package("my-own-plugin", kind, tmp_path / "new" / "place", TAKEN)
    assert folder == tmp_path / "new" / "place" / "my-own-plugin"
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["name"] == "my-own-plugin"
    assert project["project"]["entry-points"]["bench"] == {"my-own-plugin": "my_own_plugin"}
    (package,) = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    code = sorted(path.name for path in (folder / package).iterdir())
    assert code == (
        ["__init__.py"] if kind == "observer" else ["__init__.py", f"{kind.replace('-', '_')}.py"]
    )
    for path in folder.rglob("*.py"):
        ast.parse(path.read_text(encoding="utf-8"))
    test = (folder / "tests" / "test_my_own_plugin.py").read_text(encoding="utf-8")
    assert f'conformance("{kind}", "my-own-plugin")' in test
    assert (folder / ".github" / "workflows" / "test.yml").is_file()
    assert "bench plugins check my-own-plugin" in (folder / "README.md").read_text()
    leftovers = [path for path in folder.parent.iterdir() if path != folder]
    assert leftovers == []


@pytest.mark.parametrize("kind", ["metric", "dataset"])
def test_its_suite_can_be_read(kind: str, tmp_path: Path) -> None:
    file = write_package("my-own", kind, tmp_path, TAKEN) / "suite.toml"
    suite = parse_suite(tomllib.loads(file.read_text(encoding="utf-8")), where=str(file))
    assert "my-own" in (*suite.metrics, suite.dataset)


def test_the_next_steps_are_the_tutorials(tmp_path: Path) -> None:
    assert next_steps("my-separator", "separator", Path("my-separator")) == [
        "pip install -e my-separator",
        "bench plugins check my-separator",
        "bench run --separator my-separator",
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("My_Separator", "bench plugins new my-separator"),
        ("2stems", "a letter first"),
        ("double--hyphen", "single hyphens"),
        ("-x", "lower-case"),
        ("", "lower-case"),
        ("../x", "bench plugins new x"),
        ("x/y", "bench plugins new x-y"),
        ("class", "a keyword of Python"),
        ("match", "a keyword of Python"),
        ("json", "an installed package"),
        ("numpy", "an installed package"),
        ("bench", "an installed package"),
        ("bench-hearing", "an installed package"),
        ("taken", "a separator of that name exists already, in somebody"),
        ("watching", "an observer of that name"),
    ],
)
def test_names_that_cannot_be(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(BenchError) as caught:
        write_package(name, "loss", tmp_path / "out", TAKEN)
    assert said in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("mine", "link"):
        with pytest.raises(BenchError, match="already exists"):
            write_package(name, "loss", tmp_path, TAKEN)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "mine"]


def test_an_unknown_kind_and_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="Did you mean 'separator'"):
        write_package("mine", "seperator", tmp_path, TAKEN)
    (tmp_path / "file").write_text("x")
    with pytest.raises(BenchError, match="cannot be written"):
        write_package("mine", "loss", tmp_path / "file", TAKEN)
