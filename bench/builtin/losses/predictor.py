"""A predictor of HAAQI as a loss: one minus the predicted HAAQI."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from bench.api import LossInput, Predictor
from bench.errors import BenchError, suggest
from bench.plugins.front_ends import HAAQI_LIGHT, load_predictor

if TYPE_CHECKING:
    from bench.builtin.losses import HaaqiLightLossOptions, HaaqiNetLossOptions

VARIANTS = ("per-ear", "paper")


class PredictorLoss:
    """``1 - mean predicted HAAQI`` over what is compared.

    The variant "per-ear" scores each ear's signal with that ear's audiogram. The variant "paper" is
    the seed paper's, for its reproduction: on stems, both channels are averaged to one signal a
    stem, scored with the mean of the two ears' audiograms.

    Args:
        predictor: that predicts.
        variant: "per-ear" or "paper".
    """

    def __init__(self, predictor: Predictor, variant: str = "per-ear") -> None:
        self.variant = variant
        self.predictor = predictor

    def __call__(self, data: LossInput) -> Tensor:
        """A scalar from 0 (all is as the reference) to 1."""
        if isinstance(self.predictor, torch.nn.Module):
            self.predictor.to(data.estimate.device)
        # From (B, 8) on, one entry for each trailing signal of the estimate.
        audiograms, level1 = data.audiograms, data.level1
        estimate, reference = data.estimate, data.reference
        if self.variant == "paper":
            estimate, reference = estimate.mean(-2, keepdim=True), reference.mean(-2, keepdim=True)
            audiograms = audiograms.mean(1, keepdim=True)
            level1 = level1.mean(1, keepdim=True)
        if estimate.dim() == 4:
            stems = estimate.shape[1]
            audiograms = audiograms[:, None].expand(-1, stems, -1, -1)
            level1 = level1[:, None].expand(-1, stems, -1)
        score = self.predictor.score(
            estimate.flatten(0, -2),
            audiograms.reshape(-1, audiograms.shape[-1]),
            level1.reshape(-1),
            data.sample_rate,
            reference.flatten(0, -2),
        )
        return 1.0 - score.mean()


def haaqi_light(options: HaaqiLightLossOptions) -> PredictorLoss:
    """The loss ``haaqi-light``.

    Raises:
        BenchError: an unknown variant; weights that are missing or do not fit.
    """
    _check_variant(options.variant, "loss haaqi-light")
    return PredictorLoss(load_predictor(HAAQI_LIGHT, options.weights), options.variant)


def haaqi_net(options: HaaqiNetLossOptions) -> PredictorLoss:
    """The loss ``haaqi-net``.

    Raises:
        BenchError: an unknown variant or front end; weights that are missing or do not fit.
    """
    _check_variant(options.variant, "loss haaqi-net")
    return PredictorLoss(load_predictor(options.front_end, options.weights), options.variant)


def _check_variant(variant: str, where: str) -> None:
    if variant not in VARIANTS:
        raise BenchError(f"no variant '{variant}'", where=where, hint=suggest(variant, VARIANTS))
