"""What the server of :mod:`tests.helpers.warm` imports, so that its forks need not."""

import clarity.utils.audiogram  # noqa: F401
import pandas  # noqa: F401
import scipy.signal  # noqa: F401
import torch._dynamo  # noqa: F401  # as the first optimizer does, for two seconds
from numba.core.registry import cpu_target

import bench.cli
import bench.evaluation.runner
import bench.leaderboard.export
import bench.report.page
import bench.runs.trainings
import bench.training.trainer  # noqa: F401

# The first kernel that is loaded or compiled would do this, for half a second.
cpu_target.typing_context.refresh()
cpu_target.target_context.refresh()
