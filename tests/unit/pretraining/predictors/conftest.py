"""Labels for predictors."""

from __future__ import annotations

import pytest

from bench.pretraining.predictors.labels import Shard, make_shard


@pytest.fixture(scope="module")
def shard() -> Shard:
    """Six labels of one ear."""
    return make_shard("test degradations", 0, limit=1)
