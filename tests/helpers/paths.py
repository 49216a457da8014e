"""Where the repository and the shared data are."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
"""The repository."""
SHARED: Final = ROOT.parent / "shared" / "data"
"""Real music and listeners, where this machine has them."""
