"""Datasets: readers, the demo set, at-mic preparation."""

from __future__ import annotations

from bench.api import DatasetSpec, hookimpl


@hookimpl
def register_datasets() -> list[DatasetSpec]:
    """The built-in datasets."""
    return []
