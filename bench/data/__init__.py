"""Datasets: readers, the demo set, at-mic preparation."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from bench.api import DatasetSpec, hookimpl, option

DEMO_VERSION = "1"
"""Raised whenever a sample or a record of the demo changes."""


def demo_root() -> Path:
    """Where the demo of this version is kept: in ``$BENCH_CACHE`` or the user's cache."""
    cache = os.environ.get("BENCH_CACHE") or platformdirs.user_cache_dir("bench")
    return Path(cache) / f"demo-{DEMO_VERSION}"


@dataclass(frozen=True)
class CadenzaOptions:
    """Options of a dataset in the Cadenza layout."""

    root: str = option("", "folder that holds metadata/ and audio/")


@dataclass(frozen=True)
class DemoOptions:
    """Options of the demo dataset."""

    root: str = option("", "folder made by `bench data demo DIR`; empty for the user's cache")


@hookimpl
def register_datasets() -> list[DatasetSpec]:
    """The built-in datasets."""
    return [
        DatasetSpec(
            name="cadenza",
            target="bench.data.cadenza:CadenzaDataset",
            summary="music at the hearing-aid microphones, in the ICASSP 2024 Cadenza layout",
            options=CadenzaOptions,
            citation="Roa Dabike et al. (2024), The ICASSP SP Cadenza Challenge",
        ),
        DatasetSpec(
            name="demo",
            target="bench.data.cadenza:DemoDataset",
            summary="synthesised songs in the same layout, made on first use",
            options=DemoOptions,
        ),
    ]
