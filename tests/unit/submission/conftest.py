"""The files of a system, which are written once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench.data import CadenzaOptions
from bench.data.cadenza import CadenzaDataset
from tests.helpers.command_line import Bench
from tests.helpers.suites import WriteSuite


@pytest.fixture(scope="package")
def suite(small_suite: WriteSuite) -> Path:
    return small_suite(metrics=("haaqi", "sdr", "lufs", "clipping"), excluded=("private",))


@pytest.fixture(scope="package")
def submitted(bench: Bench, suite: Path) -> Path:
    """The files of the unprocessed mixture."""
    folder = suite.parent / "mixture"
    assert bench("submit", folder, "--separator", "mixture", "--suite", suite, "--workers", 1) == 0
    return folder


@pytest.fixture
def copy(submitted: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(submitted / "enhanced_signals", tmp_path / "files"))


@pytest.fixture
def pairs(small_set: Path) -> list[tuple[str, str]]:
    """Scene and listener of each pair."""
    dataset = CadenzaDataset(CadenzaOptions(root=str(small_set)))
    return [(scene.id, who) for scene in dataset.scenes("valid") for who in scene.listeners]
