"""The curves of a training."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bench.leaderboard.headline import Validation
from bench.report import curves
from bench.training.guard import GoodhartGuard

TRUTH, PROXY = "valid/haaqi/mean", "valid/haaqi-light/mean"
NAMES = Validation(TRUTH, PROXY, {}, "HAAQI", "Proxy")


def log_of(**columns: list[float]) -> pd.DataFrame:
    names = {"truth": TRUTH, "proxy": PROXY}
    frame = pd.DataFrame({names.get(key, key): values for key, values in columns.items()})
    return frame.rename_axis("epoch")


def test_where_the_proxy_and_the_truth_part() -> None:
    truth = [0.5, 0.6, 0.55, 0.5, 0.45, 0.4, 0.5]
    proxy = [0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9]
    log = log_of(truth=truth, proxy=proxy)
    assert curves.kept_epoch(log, TRUTH) == 1
    assert curves.kept_epoch(log, TRUTH, last=True) == log.index.max()
    # It falls in a straight line from epoch 1 to 5.
    assert curves.parted_epochs(log, TRUTH, PROXY) == [5]
    assert curves.parted_epochs(log_of(truth=truth, proxy=proxy[::-1]), TRUTH, PROXY) == []
    assert curves.parted_epochs(log_of(truth=truth), TRUTH, PROXY) == []
    [_, together] = curves.training_curves(log, NAMES, "t")[-2:]
    assert "At epoch 5 Proxy or the training loss was better" in together.caption


def test_the_guard_and_the_report_agree() -> None:
    """The trainer's guard speaks at the very epochs that the report names."""
    rng = np.random.default_rng(0)
    truth, proxy = rng.normal(size=(2, 200)).cumsum(axis=1)
    empty = pd.DataFrame({"epoch": [], "name": [], "value": []})
    guard = GoodhartGuard(empty, truth=TRUTH, proxy=PROXY)
    spoke = []
    for epoch, (true, predicted) in enumerate(zip(truth, proxy, strict=True)):
        guard.add({"epoch": epoch, TRUTH: true, PROXY: predicted})
        if guard.warning:
            spoke.append(epoch)
    assert spoke
    log = log_of(truth=truth.tolist(), proxy=proxy.tolist())
    assert curves.parted_epochs(log, TRUTH, PROXY) == spoke


def test_losses_are_turned_into_what_they_stand_for(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}
    monkeypatch.setattr(
        curves, "draw_curve", lambda axes, values, number, label="": seen.update({number: values})
    )
    log = pd.DataFrame({"loss/haaqi-light@output": [0.4, 0.3], "loss/sdr": [-4.0, -5.0]})
    drawn = curves._prediction_and_ratio(log, NAMES, "t")
    assert drawn is not None
    assert seen[0].tolist() == pytest.approx([0.6, 0.7])
    assert seen[1].tolist() == [4.0, 5.0]
