"""The curves of a training."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.leaderboard.headline import Validation
from bench.leaderboard.names import Name
from bench.leaderboard.seed_paper import published_curve
from bench.report import curves
from bench.report.content import System
from bench.report.curves import Training
from bench.report.style import to_svg
from bench.training.guard import GoodhartGuard

TRUTH, PROXY = "valid/haaqi/mean", "valid/haaqi-light/mean"
NAMES = Validation(TRUTH, PROXY, {}, "HAAQI", "Proxy")


def log_of(**columns: list[float]) -> pd.DataFrame:
    names = {"truth": TRUTH, "proxy": PROXY}
    frame = pd.DataFrame({names.get(key, key): values for key, values in columns.items()})
    return frame.rename_axis("epoch")


def training(*logs: pd.DataFrame, mark: int = 0, names: Validation = NAMES) -> Training:
    return Training(System("r", Name("a + cnn"), mark), logs, names)


def axes_of(
    monkeypatch: pytest.MonkeyPatch, trainings: list[Training]
) -> dict[str, tuple[Axes, list[Line2D]]]:
    """The axes of each panel, by title, with their lines."""
    seen = {}

    def kept(figure: Figure, name: str, title: str) -> str:
        [axes] = figure.axes
        seen[title] = (axes, list(axes.lines))
        return to_svg(figure, name, title)

    monkeypatch.setattr(curves, "to_svg", kept)
    curves.training_figures(trainings)
    return seen


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
    together = curves.training_figures([training(log)])["Truth and prediction"]
    assert "at epoch 5 Proxy or the training loss was better" in together.caption


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
    log = pd.DataFrame({"loss/haaqi-light@output": [0.4, 0.3], "loss/sdr": [-4.0, -5.0]})
    seen = axes_of(monkeypatch, [training(log)])
    predicted = seen["Proxy in training by epoch"][1]
    ratio = seen["SDR, dB in training by epoch"][1]
    assert np.asarray(predicted[0].get_ydata()).tolist() == pytest.approx([0.6, 0.7])
    assert np.asarray(ratio[0].get_ydata()).tolist() == pytest.approx([4.0, 5.0])


def test_all_trainings_are_in_one_panel_with_the_published_curve_dashed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logs = [log_of(truth=[0.5, 0.6, value]) for value in (0.55, 0.7)]
    seen = axes_of(monkeypatch, [training(log, mark=number) for number, log in enumerate(logs)])
    _, lines = seen["True HAAQI in validation, mean by epoch"]
    drawn = [line for line in lines if line.get_linestyle() == "-"]
    assert sorted(float(np.asarray(line.get_ydata())[-1]) for line in drawn) == [0.55, 0.7]
    assert len({line.get_color() for line in drawn}) == 2
    [published] = [line for line in lines if line.get_label() == "published"]
    expected = published_curve("valid/haaqi/mean").tolist()
    assert np.asarray(published.get_ydata()).tolist() == expected
    assert published.get_linestyle() not in ("-", "None")
    rings = [line for line in lines if line.get_markersize() == 10.0]
    assert sorted(int(np.asarray(line.get_xdata())[0]) for line in rings) == [1, 2]


def test_seeds_are_one_curve_with_a_band(monkeypatch: pytest.MonkeyPatch) -> None:
    logs = [log_of(truth=values) for values in ([0.5, 0.6], [0.5, 0.8], [0.5, 0.7])]
    assert "the band their range" in (
        curves.training_figures([training(*logs)])["Validation"].caption
    )
    seen = axes_of(monkeypatch, [training(*logs)])
    axes, lines = seen["True HAAQI in validation, mean by epoch"]
    [curve] = [line for line in lines if line.get_linestyle() == "-"]
    assert np.asarray(curve.get_ydata()).tolist() == pytest.approx([0.5, 0.7])
    [band] = axes.collections
    assert band.get_paths()[0].get_extents().ymax == pytest.approx(0.8)


def test_one_epoch_is_a_point_between_whole_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    log = pd.DataFrame({"loss": [1.0], "loss/sdr": [-4.0]}, index=pd.Index([1], name="epoch"))
    for title, (axes, [line]) in axes_of(monkeypatch, [training(log)]).items():
        assert line.get_marker() not in ("None", ""), title
        assert [tick for tick in axes.get_xticks() if 0 <= tick <= 2] == [0, 1, 2]
        assert all(float(tick).is_integer() for tick in axes.get_xticks())


def test_shares_of_the_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    log = pd.DataFrame(
        {
            "grad_norm/gains/sdr": [1.0, np.nan, 4.0],
            "grad_norm/gains/loudness": [3.0, np.nan, 0.0],
            "grad_norm/separator/sdr": [2.0, np.nan, 2.0],
            "grad_norm": [9.0, 9.0, 9.0],
        },
        index=pd.Index([1, 2, 6], name="epoch"),
    )
    share = curves.gradient_share(log, "grad_norm/gains/sdr")
    assert share is not None
    assert share.to_dict() == {1: 25.0, 6: 100.0}
    seen = axes_of(monkeypatch, [training(log)])
    assert {title for title in seen if " in the " in title} == {
        "sdr in the gains by epoch", "loudness in the gains by epoch",
        "sdr in the separator by epoch",
    }  # fmt: skip
    axes, _ = seen["sdr in the gains by epoch"]
    assert axes.get_ylim() == (0.0, 100.0)
    assert axes.get_ylabel() == "share, %"


def test_nothing_is_drawn_of_an_empty_log() -> None:
    assert curves.training_figures([training(pd.DataFrame())]) == {}
    assert curves.training_figures([]) == {}
