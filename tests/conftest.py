"""Fixtures that several tests share."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.helpers.command_line import Bench, run_bench
from tests.helpers.paths import SHARED
from tests.helpers.suites import WriteSuite, suite_text
from tests.helpers.warm import warm_workers


@pytest.fixture(scope="session", autouse=True)
def _width_of_tables() -> None:
    """Tables in tests have the width of a file, whatever the terminal of those who run them."""
    os.environ.pop("COLUMNS", None)


@pytest.fixture(autouse=True)
def _no_lazy_modules() -> Iterator[None]:
    """SpeechBrain, which a plugin imports, leaves modules that raise errors when looked at.

    Hypothesis looks at all modules.
    """
    yield
    if "speechbrain" in sys.modules:
        for name in [name for name in sys.modules if name.split(".")[0] == "speechbrain"]:
            del sys.modules[name]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Real music in the Cadenza layout, where this machine has it."""
    if not (SHARED / "cadenza_real").is_dir():
        pytest.skip("no real data on this machine")
    return SHARED


@pytest.fixture(scope="session")
def bench() -> Bench:
    """``bench ARGUMENTS`` in this process; returns the exit code."""
    return run_bench


@pytest.fixture(scope="module")
def quick_workers() -> Iterator[None]:
    """Worker processes begin at once, for tests of what they do: see :mod:`tests.helpers.warm`."""
    with warm_workers():
        yield


@pytest.fixture(scope="session")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small synthesised set in the Cadenza layout: 3 songs to train on, 2 to score, 3 s each."""
    from bench.data.generate.demo import write_demo

    root = tmp_path_factory.mktemp("small") / "set"
    write_demo(
        root, songs_train=3, songs_valid=2, seconds=3.0, scenes_per_song=1, listeners_per_scene=2
    )
    return root


@pytest.fixture(scope="session")
def small_suite(small_set: Path, tmp_path_factory: pytest.TempPathFactory) -> WriteSuite:
    """Write a suite's file; what differs from :func:`suite_text` of the small set is said."""

    def write(**changes: object) -> Path:
        path = tmp_path_factory.mktemp("suite") / "small.toml"
        path.write_text(suite_text(**{"root": small_set, **changes}), encoding="utf-8")  # type: ignore[arg-type]
        return path

    return write


@pytest.fixture(scope="session")
def museval_metrics() -> ModuleType:
    """``museval.metrics`` by itself: importing the package needs ffmpeg to be installed."""
    package = importlib.util.find_spec("museval")
    assert package is not None
    assert package.submodule_search_locations is not None
    path = f"{package.submodule_search_locations[0]}/metrics.py"
    spec = importlib.util.spec_from_file_location("museval_metrics", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
