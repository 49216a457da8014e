"""A small network that predicts an ear's output stage from its audiogram and its levels.

It sees the audiogram and the long-term levels of the ear's NAL-R output in ten bands, and gives the
gains of the equaliser, and thresholds and amounts of the limiter. Its last layer starts at zero,
and with it the gains and amounts: untrained, it is NAL-R and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from bench.errors import BenchError
from bench.hearing import AUDIOGRAM_FREQUENCIES
from bench.hearing.fitting.equaliser import BANDS
from bench.hearing.fitting.limiter import CENTRES, THRESHOLD
from bench.hearing.fitting.stage import OutputStage

BUNDLED: Final = Path(__file__).parent / "weights" / "nalr_fit.safetensors"
GAIN_RANGE: Final = 24.0
"""dB; gains are a tanh of this size."""
THRESHOLD_RANGE: Final = 12.0
"""dB; thresholds are a tanh of this size around the limiter's default."""
_HIDDEN: Final = 64


class FitNetwork(nn.Module):
    """Audiograms and levels -> output stages."""

    def __init__(self) -> None:
        super().__init__()
        inputs = len(AUDIOGRAM_FREQUENCIES) + BANDS
        self.layers = nn.Sequential(
            nn.Linear(inputs, _HIDDEN), nn.SiLU(), nn.Linear(_HIDDEN, _HIDDEN), nn.SiLU()
        )
        self.head = nn.Linear(_HIDDEN, BANDS + 2 * len(CENTRES))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, audiograms: Tensor, levels: Tensor) -> OutputStage:
        """Predict the stage of each ear.

        Args:
            audiograms: dB HL ``(..., 8)``.
            levels: dB re full scale ``(..., 10)``, of
                :func:`bench.hearing.fitting.equaliser.band_levels`.
        """
        kind = self.head.weight.dtype
        seen = torch.cat([audiograms.to(kind) / 50 - 1, levels.to(kind) / 20 + 1], -1)
        out = self.head(self.layers(seen))
        gains, thresholds, amount = out.split([BANDS, len(CENTRES), len(CENTRES)], -1)
        return OutputStage(
            gains=GAIN_RANGE * torch.tanh(gains),
            thresholds=THRESHOLD + THRESHOLD_RANGE * torch.tanh(thresholds),
            # At 0 it has the slope of what is above: an untrained amount is 0 and can grow.
            amount=amount.clamp(0.0, 1.0),
        )


def load_network(weights: str) -> FitNetwork:
    """Read a network.

    Args:
        weights: "bundled", "none" for an untrained one, or the path of a safetensors file.

    Raises:
        BenchError: the file is missing, damaged, or of another network.
    """
    from safetensors.torch import load_file

    network = FitNetwork()
    if weights == "none":
        return network
    path = BUNDLED if weights == "bundled" else Path(weights)
    if not path.is_file():
        hint = "It is 'bundled', 'none' or the path of a safetensors file."
        raise BenchError("there is no such file", where=str(path), hint=hint)
    try:
        state: Mapping[str, Tensor] = load_file(path)
        network.load_state_dict(state)
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise BenchError(f"these are not weights of nalr-fit: {reason}", where=str(path)) from None
    return network
