"""HAAQI-Net's prediction of what the metric `haaqi` gives, to be shown beside it."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from bench.api import EARS, Rendering
from bench.hearing.audiograms import audiogram_tensor
from bench.hearing.haaqi_net import load

_PRESENTATION_LEVEL = 65.0
"""dB SPL of the reference remix at each ear, before the prescription."""


class HaaqiNetMetric:
    """Predicted HAAQI of the output against the amplified reference, per ear and their mean."""

    def __init__(self) -> None:
        self.predictor = load()

    def score(self, rendering: Rendering) -> Mapping[str, float]:
        """Parts "mean", "left" and "right", 0 to 1.

        Raises:
            ValueError: the reference of an ear is silent.
        """
        rms = rendering.remix_reference.float().square().mean(-1).sqrt()
        if not bool((rms > 0).all()):
            raise ValueError("HAAQI-Net: the reference remix of an ear is silent")
        with torch.inference_mode():
            left, right = self.predictor.score(
                rendering.output.float(),
                audiogram_tensor(rendering.listener),
                _PRESENTATION_LEVEL - 20 * torch.log10(rms),
                rendering.output_rate,
                rendering.output_reference.float(),
                rendering.sample_rate,
            ).tolist()
        return {"mean": (left + right) / 2, **dict(zip(EARS, (left, right), strict=True))}
