"""An edited plugin is another run, whatever its version says."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.api import SeparatorSpec
from bench.errors import BenchError
from bench.evaluation.worker import Evaluator, Expected
from bench.plugins import Plugins, installed
from bench.plugins.registered import Registered
from bench.plugins.source import source_digest
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


def test_local_code_that_it_imports_counts(package: Path) -> None:
    beside = package.parent / "my_common" / "deep"
    beside.mkdir(parents=True)
    (beside.parent / "__init__.py").write_text("")
    (beside / "__init__.py").write_text("from my_other import x\n")
    other = package.parent / "my_other.py"
    other.write_text("x = 1\n")
    with (package / "separator.py").open("a") as source:
        source.write("def f():\n    from my_common import deep\n")
    found = [mine().source]
    for file in (beside / "__init__.py", other):
        with file.open("a") as source:
            source.write("# edited\n")
        found.append(mine().source)
    assert len(set(found)) == 3
    (package.parent / "not_imported.py").write_text("")
    assert mine().source == found[-1]


def test_a_file_that_a_single_module_names_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "alone.py").write_text('import numpy\nFILE = "table.csv"\n')
    for name in ("table.csv", "other.csv"):
        (code / name).write_text("1\n")
    monkeypatch.syspath_prepend(str(code))
    before = source_digest("nobody", ["alone"])
    assert before
    (code / "other.csv").write_text("2\n")
    assert source_digest("nobody", ["alone"]) == before
    (code / "table.csv").write_text("2\n")
    assert source_digest("nobody", ["alone"]) != before


def test_of_a_namespace_its_own_package_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mine", "others"):
        folder = tmp_path / name / "shared_namespace" / name
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
        monkeypatch.syspath_prepend(str(tmp_path / name))
    before = source_digest("nobody", ["shared_namespace.mine"])
    others = tmp_path / "others" / "shared_namespace" / "others" / "__init__.py"
    others.write_text("# edited\n")
    assert source_digest("nobody", ["shared_namespace.mine"]) == before
    own = tmp_path / "mine" / "shared_namespace" / "mine" / "__init__.py"
    own.write_text("from shared_namespace import others\n")
    importing = source_digest("nobody", ["shared_namespace.mine"])
    assert importing != before
    others.write_text("# edited again\n")
    assert source_digest("nobody", ["shared_namespace.mine"]) != importing


def test_code_that_was_edited_after_it_was_loaded_is_not_run_under_its_former_name(
    package: Path, small_set: Path
) -> None:
    run_id(small_set)
    plugin = installed().get(SeparatorSpec, "mine")
    before = plugin.source
    with (package / "helper.py").open("a") as source:
        source.write("# edited\n")
    with pytest.raises(BenchError, match=r"edited after it was loaded.*\n.*Restart Python"):
        plugin.source  # noqa: B018
    (package / "helper.py").write_text("FACTOR = 1\n")
    assert plugin.source == before


def test_a_worker_with_other_code_refuses(package: Path, small_set: Path) -> None:
    installed.cache_clear()
    spec = make_run_spec(
        installed(), load_suite("cadenza-icassp-2024"), separator="mine", gains="fixed",
        options={"dataset": {"root": str(small_set)}},
    )  # fmt: skip
    data = spec.fingerprints(open_dataset(spec, installed()))
    expected = Expected(spec.run_id(installed(), data), data)
    expected.check(spec, installed())
    with (package / "helper.py").open("a") as source:
        source.write("# edited\n")
    with pytest.raises(BenchError, match="differ from those of the caller"):
        expected.check(spec, installed_anew())
