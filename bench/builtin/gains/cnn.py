"""Gains that are learned from audiograms.

The network is the seed paper's: three convolutions over the eight frequencies of the two-ear
audiogram (2-16-32-64 channels, kernel 3), each beside a residual 1x1 convolution, and a linear
layer of 512 inputs. The residual convolutions are parameters like the others (the paper's own
script draws new ones in every forward pass). The last layer starts at zero, and with it the gains.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn

from bench.api import AUDIOGRAM_FREQUENCIES, STEMS, GainQuery
from bench.builtin.gains import CnnEmbeddingOptions
from bench.errors import BenchError

LIMIT: Final = 20.0
"""dB; the output is a tanh of this size."""
_CHANNELS: Final = (2, 16, 32, 64)
_FEATURES: Final = _CHANNELS[-1] * len(AUDIOGRAM_FREQUENCIES)
_LEVEL_SCALE: Final = 100.0
"""dB HL that the network sees as 1."""
_GAIN_SCALE: Final = 10.0
"""dB that the network sees as 1."""
_LISTENERS: Final = 512
"""Listeners that have a vector of their own, at most."""


class _Block(nn.Module):
    """A convolution over frequency beside a residual 1x1 convolution."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(channels_in, channels_out, kernel_size=3, padding=1)
        self.residual = nn.Conv1d(channels_in, channels_out, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.leaky_relu(self.convolution(x) + self.residual(x), 0.01)


class _Trunk(nn.Sequential):
    """Audiograms, dB HL ``(B, 2, 8)`` -> features ``(B, 512)``."""

    def __init__(self) -> None:
        super().__init__(*(_Block(*pair) for pair in pairwise(_CHANNELS)), nn.Flatten())

    def forward(self, audiograms: Tensor) -> Tensor:
        x = audiograms / _LEVEL_SCALE
        for layer in self:
            x = layer(x)
        return x


def _zero_linear(features: int, outputs: int) -> nn.Linear:
    linear = nn.Linear(features, outputs)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear


class Cnn(nn.Module):
    """A gain for each stem from the audiograms alone; it cannot know what the scene requests."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = _Trunk()
        self.head = _zero_linear(_FEATURES, len(STEMS))

    def gains(self, query: GainQuery) -> Tensor:
        """dB, ``(B, 4)``, within +-20 dB."""
        gains: Tensor = LIMIT * torch.tanh(self.head(self.trunk(query.audiograms)))
        return gains


class CnnResidual(nn.Module):
    """The requested gains and a correction for each ear, learned from them and the audiograms."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = _Trunk()
        self.hidden = nn.Linear(_FEATURES + len(STEMS), 64)
        self.head = _zero_linear(64, 2 * len(STEMS))

    def gains(self, query: GainQuery) -> Tensor:
        """dB, ``(B, 2, 4)``: the requested gains, each changed by at most 20 dB."""
        requested = query.requested.to(self.head.weight.dtype)
        features = torch.cat([self.trunk(query.audiograms), requested / _GAIN_SCALE], dim=-1)
        hidden = nn.functional.leaky_relu(self.hidden(features), 0.01)
        correction = LIMIT * torch.tanh(self.head(hidden))
        return requested[:, None] + correction.reshape(-1, 2, len(STEMS))


class CnnEmbedding(nn.Module):
    """The requested gains and a correction for each ear, which knows the listener, too.

    Beside the audiogram there is a vector for each listener, learned as he is met in training: what
    he hears that his audiogram does not say. It starts at zero. A listener who was not met gets the
    mean of those who were.
    """

    def __init__(self, options: CnnEmbeddingOptions) -> None:
        super().__init__()
        if options.size < 1:
            raise BenchError("size must be 1 or more", where="gains 'cnn-embedding'")
        self.trunk = _Trunk()
        self.vectors = nn.Parameter(torch.zeros(_LISTENERS, options.size))
        self.known: Tensor
        # Whose vector a row is, by a hash of the id; 0 where it is free.
        self.register_buffer("known", torch.zeros(_LISTENERS, dtype=torch.int64))
        self.hidden = nn.Linear(_FEATURES + len(STEMS) + options.size, 64)
        self.head = _zero_linear(64, 2 * len(STEMS))

    def gains(self, query: GainQuery) -> Tensor:
        """dB, ``(B, 2, 4)``: the requested gains, each changed by at most 20 dB."""
        requested = query.requested.to(self.head.weight.dtype)
        vectors = torch.stack([self._vector(name) for name in query.listeners])
        features = torch.cat(
            [self.trunk(query.audiograms), requested / _GAIN_SCALE, vectors], dim=-1
        )
        hidden = nn.functional.leaky_relu(self.hidden(features), 0.01)
        correction = LIMIT * torch.tanh(self.head(hidden))
        return requested[:, None] + correction.reshape(-1, 2, len(STEMS))

    def _vector(self, listener: str) -> Tensor:
        """The vector of a listener, ``(size,)``; training gives a new one a row while there are."""
        number = int.from_bytes(hashlib.blake2b(listener.encode(), digest_size=7).digest()) + 1
        rows = (self.known == number).nonzero()
        if len(rows):
            return self.vectors[int(rows[0])]
        met = int((self.known != 0).sum())
        if self.training and met < _LISTENERS:
            self.known[met] = number
            return self.vectors[met]
        return self.vectors[:met].mean(0) if met else 0.0 * self.vectors[0]
