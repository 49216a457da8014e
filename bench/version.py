"""The version of bench, from the distribution's metadata."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

DISTRIBUTION: Final = "bench-hearing"
"""The name that bench is installed by."""
__version__: Final = version(DISTRIBUTION)
