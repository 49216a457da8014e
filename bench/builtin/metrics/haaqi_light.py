"""The proxy: what HAAQI light predicts that the metric `haaqi` gives, to be shown beside it."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from bench.api import EARS, Rendering
from bench.hearing.audiograms import audiogram_tensor
from bench.hearing.calibration import level1
from bench.plugins.front_ends import HAAQI_LIGHT, load_predictor


class HaaqiLightMetric:
    """Predicted HAAQI of the output against the amplified reference, per ear and their mean."""

    def __init__(self) -> None:
        self.predictor = load_predictor(HAAQI_LIGHT)

    def score(self, rendering: Rendering) -> Mapping[str, float]:
        """Parts "mean", "left" and "right", 0 to 1.

        Raises:
            ValueError: the reference of an ear is silent.
        """
        rms = torch.stack([ear.square().mean().sqrt() for ear in rendering.remix_reference]).float()
        if not bool((rms > 0).all()):
            raise ValueError("haaqi-light: the reference remix of an ear is silent")
        audiograms = audiogram_tensor(rendering.listener)
        calibration = level1(rms)
        scores = []
        with torch.inference_mode():
            # One ear at a time, for the memory of a whole song.
            for ear in (slice(0, 1), slice(1, 2)):
                score = self.predictor.score(
                    rendering.output[ear].float(),
                    audiograms[ear],
                    calibration[ear],
                    rendering.output_rate,
                    rendering.output_reference[ear].float(),
                    rendering.sample_rate,
                )
                scores.append(float(score))
        return {"mean": sum(scores) / 2, **dict(zip(EARS, scores, strict=True))}
