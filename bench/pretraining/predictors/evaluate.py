"""Compare a predictor with the truth: the figures of ``bench proxy evaluate``."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from clarity.utils.audiogram import Audiogram
from numpy.typing import NDArray
from scipy.stats import spearmanr

from bench.api import AUDIOGRAM_FREQUENCIES, Predictor
from bench.hearing.haaqi import HaaqiReference
from bench.pretraining.predictors.labels import RATE, Shard

Row = dict[str, Any]

PAPER: Final = (
    {"set": "the paper's own: HAAQI-Net", "lcc": 0.9368, "srcc": 0.9486, "mse": 0.0064},
    {"set": "the paper's own: its student", "lcc": 0.9071, "srcc": 0.9307, "mse": 0.0091},
)
"""Figures of arXiv 2401.01145, on its own music and degradations: not the same task."""
GOAL: Final = {"lcc": 0.95, "srcc": 0.95, "mse": 0.005}
_GRADES: Final = {
    "normal, under 20 dB HL": (-np.inf, 20.0),
    "mild, from 20": (20.0, 35.0),
    "moderate, from 35": (35.0, 50.0),
    "moderately severe, from 50": (50.0, 65.0),
    "severe, from 65": (65.0, 80.0),
    "profound, from 80": (80.0, np.inf),
}
AVERAGED: Final = [AUDIOGRAM_FREQUENCIES.index(f) for f in (500, 1000, 2000, 4000)]
"""Columns of an audiogram over which a hearing loss is averaged."""
_CHUNK: Final = 6


@dataclass(frozen=True)
class Predictions:
    """Truth and prediction of many labels, each array ``(labels,)``.

    Attributes:
        truth: exact HAAQI.
        predicted: the predictor's.
        average: four-frequency average of the ear's hearing loss, dB HL.
        kind: name of the degradation.
    """

    truth: NDArray[np.float64]
    predicted: NDArray[np.float64]
    average: NDArray[np.float64]
    kind: NDArray[np.str_]

    def where(self, chosen: NDArray[np.bool_]) -> Predictions:
        """The labels for which a mask holds."""
        return Predictions(**{name: values[chosen] for name, values in vars(self).items()})

    @staticmethod
    def join(parts: Iterable[Predictions]) -> Predictions:
        """All of several."""
        every = [vars(part) for part in parts]
        return Predictions(**{name: np.concatenate([p[name] for p in every]) for name in every[0]})


def predict_shard(predictor: Predictor, shard: Shard) -> Predictions:
    """A shard's labels beside what the predictor says of them."""
    scores = []
    with torch.inference_mode():
        for start in range(0, len(shard.haaqi), _CHUNK):
            rows = slice(start, start + _CHUNK)
            scores.append(
                predictor.score(
                    torch.from_numpy(shard.processed[rows]).float(),
                    torch.from_numpy(shard.audiogram[rows]).float(),
                    torch.from_numpy(shard.level1[rows]).float(),
                    RATE,
                    torch.from_numpy(shard.reference[shard.group[rows]]).float(),
                )
            )
    return Predictions(
        truth=shard.haaqi,
        predicted=torch.cat(scores).double().numpy(),
        average=shard.audiogram[:, AVERAGED].mean(-1),
        kind=shard.kind,
    )


def figures(predictions: Predictions) -> Row:
    """Count, linear and rank correlation, mean squared error, bias and the 95th centile of the
    absolute error; no correlation where fewer than three labels or no spread allow one."""
    truth, predicted = predictions.truth, predictions.predicted
    error = predicted - truth
    row: Row = {"n": len(truth), "lcc": None, "srcc": None}
    if len(truth) > 2 and truth.std() > 1e-6 and predicted.std() > 1e-6:
        row["lcc"] = float(np.corrcoef(truth, predicted)[0, 1])
        row["srcc"] = float(spearmanr(truth, predicted).statistic)
    return row | {
        "mse": float(np.mean(error**2)),
        "bias": float(np.mean(error)),
        "error95": float(np.quantile(np.abs(error), 0.95)),
    }


def by_hearing_loss(predictions: Predictions) -> list[Row]:
    """Figures by grade of the ear's hearing loss."""
    rows = []
    for name, (low, high) in _GRADES.items():
        part = predictions.where((predictions.average >= low) & (predictions.average < high))
        if len(part.truth):
            rows.append({"hearing loss": name, **figures(part)})
    return rows


def by_degradation(predictions: Predictions) -> list[Row]:
    """Figures by kind of degradation."""
    return [
        {"degradation": str(kind), **figures(predictions.where(predictions.kind == kind))}
        for kind in np.unique(predictions.kind)
    ]


def calibration(predictions: Predictions, bins: int = 10) -> list[Row]:
    """Mean truth beside mean prediction in equal bins of the prediction."""
    index = np.clip((predictions.predicted * bins).astype(int), 0, bins - 1)
    rows = []
    for chosen in np.unique(index):
        part = predictions.where(index == chosen)
        rows.append(
            {
                "predicted": f"{chosen / bins:.1f} to {(chosen + 1) / bins:.1f}",
                "n": len(part.truth),
                "mean predicted": float(part.predicted.mean()),
                "mean truth": float(part.truth.mean()),
                "sd of error": float((part.predicted - part.truth).std()),
            }
        )
    return rows


def plot_calibration(sets: dict[str, Predictions], path: Path) -> None:
    """Draw prediction against truth, each set in its colour, into an image file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    for name, predictions in sets.items():
        axes.scatter(predictions.truth, predictions.predicted, s=9, alpha=0.6, label=name)
    axes.set(xlabel="HAAQI", ylabel="predicted HAAQI", xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.legend(loc="upper left", frameon=False)
    figure.savefig(path, dpi=150)


def speed(predictor: Predictor, shard: Shard, repeats: int = 3) -> list[Row]:
    """Seconds for one label's pair, the best of some repeats, beside the exact HAAQI."""
    reference, processed = shard.reference[shard.group[0]], shard.processed[0]
    audiogram, level1 = shard.audiogram[:1], shard.level1[:1]
    clean, heard = (torch.from_numpy(x[None]).float() for x in (reference, processed))
    ear = (torch.from_numpy(audiogram).float(), torch.from_numpy(level1).float())

    def exact() -> None:
        prepared = HaaqiReference(
            reference.astype(float), Audiogram(levels=audiogram[0]), RATE, float(level1[0])
        )
        prepared.score(processed.astype(float))

    def forward() -> None:
        with torch.inference_mode():
            predictor.score(heard, *ear, RATE, clean)

    def backward() -> None:
        signal = heard.clone().requires_grad_()
        torch.autograd.backward(predictor.score(signal, *ear, RATE, clean).sum())

    jobs = {"exact HAAQI": exact, "proxy, forward": forward, "proxy, forward + backward": backward}
    best = {name: _best_of(job, repeats) for name, job in jobs.items()}
    return [
        {"what": name, "seconds": seconds, "times faster": best["exact HAAQI"] / seconds}
        for name, seconds in best.items()
    ]


def _best_of(job: Any, repeats: int) -> float:
    job()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        job()
        times.append(time.perf_counter() - started)
    return min(times)
