"""Songs to train a separator on."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.pretraining.hdemucs.songs import build_pool, pool_names


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pool")
    build_pool(folder, pool_names(2), seconds=4.0)
    return folder
