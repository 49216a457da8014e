"""Goodhart guard: says when what is optimised gets better while true HAAQI gets worse.

What is optimised is the training loss, and the proxy's prediction in validation. At each epoch that
is below the best one in true HAAQI, though one of the two is better than it was there, the guard
asks whether that is more than chance:

* **With three songs or more**, whether it holds for songs like these: the differences to the best
  epoch, paired by song, have a Student's t interval below 0. The best epoch was chosen, and each
  epoch is a new look: the interval is simultaneous over every pair of epochs so far, both ways.
* **With means alone** (fewer songs, or a published table) nothing can be said of other songs. What
  can be said is whether the epochs since the best one left the course of those before, beyond
  their scatter: the mean since the best epoch, less the level that a straight line through the
  epochs up to it had reached, has an interval below 0; or the epochs after it, four at least, fall
  by themselves. Both are simultaneous over the epochs so far. The line is not carried on beyond the
  best epoch: a course that levels off is no fall.

In simulated trainings that rise, level off or stay, with scatter between epochs and songs, either
speaks in at most one run of twenty (tests).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

LEVEL: Final = 0.05
"""The share of trainings, without anything wrong, in which the guard may speak."""
LEAST_SONGS: Final = 3
"""Fewer have no interval."""
LEAST_EPOCHS: Final = 4
"""Fewer have no course: a line through them leaves too little to judge its scatter by."""
LOSS: Final = "loss"


def song_prefix(truth: str) -> str:
    """The beginning of the names in a log that the truth of each song has.

    Example:
        >>> song_prefix("valid/haaqi/mean")
        'song/haaqi/mean/'
    """
    return f"song/{truth.removeprefix('valid/')}/"


class GoodhartGuard:
    """Watches the proxy and the training loss beside the truth.

    Args:
        history: the training log so far, in long form (epoch, name, value).
        truth: name of the true score; empty where there is none to watch.
        proxy: name of the predicted score, of which more is better; empty where there is none.
    """

    def __init__(self, history: pd.DataFrame, *, truth: str, proxy: str) -> None:
        self._truth_name, self._songs_of = truth, song_prefix(truth)
        self._last = -1
        self._truth: dict[int, float] = {}
        self._songs: dict[int, dict[str, float]] = {}
        self._optimised: dict[str, dict[int, float]] = {
            name: {} for name in (proxy, LOSS) if name and truth
        }
        for epoch, rows in history.groupby("epoch") if len(history) else ():
            self.add({"epoch": epoch, **dict(zip(rows["name"], rows["value"], strict=True))})

    def add(self, row: Mapping[str, Any]) -> None:
        """Take in an epoch: its number and its values by name."""
        epoch = self._last = int(row["epoch"])
        known = {name: float(v) for name, v in row.items() if v is not None and not math.isnan(v)}
        for name, values in self._optimised.items():
            if name in known:
                values[epoch] = known[name]
        if self._truth_name in known:
            self._truth[epoch] = known[self._truth_name]
            self._songs[epoch] = {
                name: value for name, value in known.items() if name.startswith(self._songs_of)
            }

    @property
    def warning(self) -> str:
        """The warning if truth and objective have parted at the last epoch, else an empty text."""
        if len(self._truth) < 2 or self._last not in self._truth:
            return ""
        *before, now = sorted(self._truth)
        best = max(before, key=lambda epoch: (self._truth[epoch], -epoch))
        better = [self._improvement(name, best, now) for name in self._optimised]
        evidence = self._evidence(best, now) if self._truth[now] < self._truth[best] else ""
        if not (any(better) and evidence):
            return ""
        return (
            f"{' and '.join(filter(None, better))} since epoch {best}, while true HAAQI fell from "
            f"{self._truth[best]:.4f} to {self._truth[now]:.4f} ({evidence}): the system "
            "is learning to please the proxy. The best epoch by true HAAQI is kept."
        )

    def _improvement(self, name: str, best: int, now: int) -> str:
        """What got better since the best epoch; empty where nothing did, or where it is unknown."""
        values = self._optimised[name]
        # The system before training has no loss: the first one that is known stands for it.
        earlier = [epoch for epoch in values if epoch <= best] or list(values)[:1]
        if now not in values or not earlier:
            return ""
        then, value = values[max(earlier)], values[now]
        if name == LOSS:
            return f"the training loss fell from {then:.4g} to {value:.4g}" if value < then else ""
        title = name.split("/")[1] if "/" in name else name
        return f"{title} rose from {then:.4f} to {value:.4f}" if value > then else ""

    def _evidence(self, best: int, now: int) -> str:
        """In words why the fall is more than chance; empty where it may be chance."""
        looks = len(self._truth) - 1
        shared = self._songs[best].keys() & self._songs[now].keys()
        if len(shared) >= LEAST_SONGS:
            differences = [self._songs[now][song] - self._songs[best][song] for song in shared]
            low, high = _interval_of_mean(np.array(differences), LEVEL / (looks * (looks + 1)))
            told = f"{len(shared)} songs, difference {low:+.4f} to {high:+.4f}"
            return told if high < 0 else ""
        epochs = sorted(self._truth)
        until = np.array([self._truth[epoch] for epoch in epochs if epoch <= best])
        since = np.array([self._truth[epoch] for epoch in epochs if epoch > best])
        risk = LEVEL / 2 / looks
        if len(until) >= LEAST_EPOCHS and _below_course(until, since, risk):
            return (
                "by more than the scatter of earlier epochs; nothing can be said about other songs"
            )
        if len(since) >= LEAST_EPOCHS and _falls(since, risk):
            return "steadily; nothing can be said about other songs"
        return ""


def _interval_of_mean(values: NDArray[np.float64], risk: float) -> tuple[float, float]:
    """Student's t interval that misses the mean with probability `risk`."""
    half = _quantile(risk, len(values) - 1) * float(values.std(ddof=1)) / math.sqrt(len(values))
    mean = fmean(values)
    return mean - half, mean + half


def _below_course(until: NDArray[np.float64], since: NDArray[np.float64], risk: float) -> bool:
    """Whether the mean of `since` is below the level that a line through `until` ends at.

    The interval is that of a prediction: the scatter about the line is that of new epochs, too.
    """
    count, offset = len(until), (len(until) - 1) / 2
    slope, variance, squares = _line(until)
    end = until.mean() + slope * offset
    error = math.sqrt(variance * (1 / len(since) + 1 / count + offset**2 / squares))
    return bool(since.mean() - end + _quantile(risk, count - 2) * error < 0)


def _falls(values: NDArray[np.float64], risk: float) -> bool:
    """Whether the slope of a line through the values has an interval below 0."""
    slope, variance, squares = _line(values)
    return bool(slope + _quantile(risk, len(values) - 2) * math.sqrt(variance / squares) < 0)


def _line(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Slope an epoch, variance about the line, and sum of squares of the centred epochs."""
    centred = np.arange(len(values)) - (len(values) - 1) / 2
    squares = float(centred @ centred)
    slope = float(centred @ values) / squares
    rest = values - values.mean() - slope * centred
    return slope, float(rest @ rest) / (len(values) - 2), squares


def _quantile(risk: float, freedom: int) -> float:
    """Student's t that is exceeded, on either side, with probability `risk`."""
    from scipy.stats import t

    return float(t.ppf(1 - risk / 2, freedom))
