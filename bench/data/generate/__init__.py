"""Everything that makes a set: draws, metadata, signals at the microphones, synthesised songs."""

from __future__ import annotations

from pathlib import Path

from bench.runtime.machine import cache_folder

DEMO_VERSION = "1"
"""Increased whenever a sample or a record of the demo changes."""


def demo_root() -> Path:
    """The folder of this version's demo, in the cache folder."""
    return cache_folder() / f"demo-{DEMO_VERSION}"
