"""Fixtures that several tests share."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

REAL = Path(__file__).parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Real music in the Cadenza layout, where this machine has it."""
    if not (REAL / "cadenza_real").is_dir():
        pytest.skip("no real data on this machine")
    return REAL


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
