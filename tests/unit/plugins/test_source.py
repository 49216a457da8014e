"""An edited plugin is another run, whatever its version says."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.api import SeparatorSpec
from bench.evaluation.worker import Evaluator
from bench.plugins import Plugins, installed
from bench.plugins.registered import Registered
from bench.spec.resolve import make_run_spec, open_dataset
from bench.spec.suite import load_suite

HOOK = """
from bench.api import SeparatorSpec, hookimpl
@hookimpl
def register_separators():
    return [SeparatorSpec(name="mine", target="my_separator.separator:Mine", summary="a test")]
"""
Files = Callable[..., Path]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An editable package: its code lies in a project, its distribution in a site."""
    site, code = tmp_path / "site", tmp_path / "project" / "my_separator"
    info = site / "my_separator-0.1.0.dist-info"
    for folder in (info, code):
        folder.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-separator\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[bench]\nmine = my_separator\n")
    (code / "__init__.py").write_text(HOOK)
    (code / "separator.py").write_text("class Mine: ...\n")
    (code / "helper.py").write_text("FACTOR = 1\n")
    for folder in (site, code.parent):
        monkeypatch.syspath_prepend(str(folder))
    yield code
    installed.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_separator"]:
        del sys.modules[name]


def mine() -> Registered[SeparatorSpec]:
    installed.cache_clear()
    return installed().get(SeparatorSpec, "mine")


def run_id(root: Path) -> str:
    installed.cache_clear()
    spec = make_run_spec(
        installed(), load_suite("cadenza-icassp-2024"), separator="mine", gains="fixed",
        options={"dataset": {"root": str(root)}},
    )  # fmt: skip
    return spec.run_id(installed(), spec.fingerprints(open_dataset(spec, installed())))


@pytest.mark.parametrize("file", ["__init__.py", "separator.py", "helper.py", "weights.bin"])
def test_any_file_of_the_package_counts(package: Path, small_set: Path, file: str) -> None:
    before = run_id(small_set)
    assert run_id(small_set) == before
    with (package / file).open("a") as source:
        source.write("\n")
    assert run_id(small_set) != before


def test_kept_stems_know_the_source(package: Path) -> None:
    spec = make_run_spec(installed_anew(), load_suite("demo"), separator="mine", gains="fixed")
    evaluator = Evaluator.__new__(Evaluator)
    found = []
    for line in ("", "# edited\n"):
        with (package / "separator.py").open("a") as source:
            source.write(line)
        evaluator.plugins = installed_anew()
        found.append(evaluator._separator_identity(spec))
    assert found[0] != found[1]


def installed_anew() -> Plugins:
    installed.cache_clear()
    return installed()


def test_what_is_compiled_of_it_does_not_count(package: Path) -> None:
    before = mine().source
    assert before
    (package / "__pycache__").mkdir(exist_ok=True)
    (package / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert mine().source == before


def test_benchs_own_code_counts_by_itself() -> None:
    assert installed().get(SeparatorSpec, "mixture").source == ""
