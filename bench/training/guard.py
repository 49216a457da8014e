"""Goodhart guard: says when the proxy rises while the truth falls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

EPOCHS = 3
"""So many epochs in a row must part before it is said."""


class GoodhartGuard:
    """Watches validation scores by proxy and by truth.

    Args:
        history: the training log so far, in long form (epoch, name, value).
        truth: name of the true score.
        proxy: name of the predicted score.
    """

    def __init__(self, history: pd.DataFrame, *, truth: str, proxy: str) -> None:
        self._names = {"truth": truth, "proxy": proxy}
        wide = history.pivot_table(index="epoch", columns="name", values="value")
        self._values = {
            key: [float(v) for v in wide[name].dropna()] if name in wide else []
            for key, name in self._names.items()
        }

    def add(self, row: Mapping[str, Any]) -> None:
        """Take in an epoch."""
        for key, name in self._names.items():
            if name in row:
                self._values[key].append(float(row[name]))

    @property
    def warning(self) -> str:
        """The warning if truth and proxy of the last epochs part, else an empty text."""
        proxy, truth = self._values["proxy"], self._values["truth"]
        if min(len(proxy), len(truth)) <= EPOCHS:
            return ""
        rises = all(b > a for a, b in zip(proxy[-EPOCHS - 1 :], proxy[-EPOCHS:], strict=False))
        falls = all(b < a for a, b in zip(truth[-EPOCHS - 1 :], truth[-EPOCHS:], strict=False))
        if not (rises and falls):
            return ""
        return (
            f"HAAQI-Net rose from {proxy[-EPOCHS - 1]:.4f} to {proxy[-1]:.4f} over {EPOCHS} epochs "
            f"while true HAAQI fell from {truth[-EPOCHS - 1]:.4f} to {truth[-1]:.4f}: the system "
            "learns to please the proxy. The best epoch by true HAAQI is kept."
        )
