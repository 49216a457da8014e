"""The defaults of every command and suite, by the names of plugins and suites."""

from typing import Final

DEFAULT_SUITE: Final = "demo"
DEFAULT_SEPARATOR: Final = "hdemucs-ft"
"""Of what trains a system."""
READY_SEPARATOR: Final = "hdemucs"
"""Of what uses a system as it is."""
CLEAN_SEPARATOR: Final = "oracle"
"""Of the references that submitted files are judged by: the clean stems."""
DEFAULT_GAINS: Final = "fixed"
DEFAULT_PRESCRIPTION: Final = "nalr"
"""Of a suite that names none, and of its reference: the recipe amplifies the reference by NAL-R."""
LISTENING_PRESCRIPTION: Final = "nalr-headroom"
"""Of what is made to be listened to: NAL-R raises by up to 30 dB, so that loud music clips."""
DEFAULT_LOSS: Final = "joint"
"""Of a suite that names none."""
DEFAULT_POWER: Final = 0.8
"""The share of studies that are to see a difference (Cohen, 1988)."""
DEFAULT_LISTENERS: Final = (6, 10, 20, 50, 100)
"""Listeners that a study is planned for, beside those of the board."""
DATA_ROOT: Final = "BENCH_DATA_ROOT"
"""Variable that says where the data lie on a machine that lacks the folder that a run names."""
