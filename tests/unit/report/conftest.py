"""The synthetic boards of the leaderboard's tests are the report's too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "leaderboard"))
