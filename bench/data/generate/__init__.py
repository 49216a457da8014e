"""Everything that makes a set: draws, metadata, signals at the microphones, synthesised songs."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

DEMO_VERSION = "1"
"""Raised whenever a sample or a record of the demo changes."""


def demo_root() -> Path:
    """Where the demo of this version is kept: in ``$BENCH_CACHE`` or the user's cache."""
    cache = os.environ.get("BENCH_CACHE") or platformdirs.user_cache_dir("bench")
    return Path(cache) / f"demo-{DEMO_VERSION}"
