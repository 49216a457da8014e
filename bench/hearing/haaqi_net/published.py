"""The published HAAQI-Net: its head, over any front end.

The model takes the processed signal alone, at 16 kHz. A front end gives layers of features a patch
(twelve of 768 in the original); they are normalised, summed with learned weights, reduced, joined
with the audiogram, and scored patch by patch. Parameters carry the names of the original
checkpoints, so that these load as they are.

Source: Wisnu et al. (2024), HAAQI-Net, arXiv 2401.01145.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from bench.errors import BenchError
from bench.hearing.predictor import check_shapes

SAMPLE_RATE: Final = 16_000
"""Hz; the rate of the front end's input."""
LAYERS: Final = 12
FEATURES: Final = 768
_REDUCED: Final = 256
_HIDDEN: Final = 100
_AUDIOGRAM: Final = 8
_HEADS: Final = 16


class FrontEnd(nn.Module):
    """A network that turns a waveform into patches; front ends derive from it.

    Attributes:
        count: layers that it gives, L.
        features: of a patch in each, F.
        calibrated: whether the waveform is brought to sound pressure, an RMS of 1.0 for 0 dB SPL;
            else it goes in as it stands, at full scale 1.0.
    """

    count: int = LAYERS
    features: int = FEATURES
    calibrated: bool = False

    def layers(self, waveform: Tensor) -> Tensor:
        """Compute features.

        Args:
            waveform: at 16 kHz, ``(B, N)``.

        Returns:
            ``(L, B, patches, F)``.
        """
        raise NotImplementedError


class HaaqiNet(nn.Module):
    """The published model, a :class:`bench.api.Predictor`.

    Into BEATs the waveform goes as it stands, at full scale 1.0, as the original reads its files:
    the level is part of what it was trained on, and `level1` is not used. A calibrated front end
    hears sound pressure.

    Args:
        front_end: kept as ``beats_model``.
    """

    intrusive = False
    beats_model: FrontEnd

    def __init__(self, front_end: FrontEnd) -> None:
        super().__init__()
        self.beats_model = front_end
        self.layer_norm = nn.Sequential(
            *(nn.LayerNorm(front_end.features) for _ in range(front_end.count))
        )
        self.weights = nn.Parameter(torch.ones(front_end.count))
        self.linear0 = nn.Linear(front_end.features, _REDUCED)
        self.blstm = nn.LSTM(_REDUCED + _AUDIOGRAM, _HIDDEN, batch_first=True, bidirectional=True)
        self.linear1 = nn.Linear(2 * _HIDDEN, _REDUCED)
        self.dropout = nn.Dropout(0.3)
        self.haaqiAtt_layer = nn.MultiheadAttention(_REDUCED, _HEADS)
        self.haaqiframe_score = nn.Linear(_REDUCED, 1)

    def frame_scores(self, layers: Tensor, audiogram: Tensor) -> Tensor:
        """Score patches by the head alone.

        Args:
            layers: the front end's ``(L, B, patches, F)``.
            audiogram: dB HL, ``(B, 8)``.

        Returns:
            ``(B, patches)``, 0 to 1.
        """
        shares = torch.softmax(self.weights, 0)
        mixed = torch.zeros_like(layers[0])
        for share, norm, layer in zip(shares, self.layer_norm, layers, strict=True):
            mixed = mixed + share * norm(layer)
        reduced = self.linear0(mixed)
        patches = reduced.shape[1]
        joined = torch.cat([reduced, audiogram[:, None].expand(-1, patches, -1)], -1)
        # cuDNN's LSTM refuses to go backward in eval mode.
        with torch.backends.cudnn.flags(enabled=self.training):
            recurrent, _ = self.blstm(joined)
        # The attention takes time first.
        x = self.dropout(torch.relu(self.linear1(recurrent))).transpose(0, 1)
        attended, _ = self.haaqiAtt_layer(x, x, x, need_weights=False)
        return torch.sigmoid(self.haaqiframe_score(attended))[..., 0].transpose(0, 1)

    def score(
        self,
        processed: Tensor,
        audiogram: Tensor,
        level1: Tensor,
        sample_rate: int,
        reference: Tensor | None = None,
        reference_rate: int | None = None,
    ) -> Tensor:
        """Score as :meth:`bench.api.Predictor.score` says, without the reference."""
        check_shapes(processed, audiogram, level1)
        if self.beats_model.calibrated:
            processed = processed * 10 ** (level1 / 20)[:, None]
        layers = self.beats_model.layers(resample(processed, sample_rate))
        return self.frame_scores(layers, audiogram).mean(-1)


def resample(signal: Tensor, sample_rate: int) -> Tensor:
    """Resample ``(B, N)`` from `sample_rate` (Hz) to 16 kHz.

    Example:
        >>> resample(torch.zeros(2, 44_100), 44_100).shape
        torch.Size([2, 16000])
    """
    if sample_rate == SAMPLE_RATE:
        return signal
    import torchaudio

    resampled: Tensor = torchaudio.functional.resample(signal, sample_rate, SAMPLE_RATE)
    return resampled


def load_checkpoint(model: HaaqiNet, path: Path) -> HaaqiNet:
    """Load an original checkpoint ``{"model": state dict}``, every name and shape checked.

    Returns:
        The model, in eval mode and frozen.

    Raises:
        BenchError: the file is missing or not a HAAQI-Net checkpoint.
    """
    state = read_checkpoint(path, "model")["model"]
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        problem = str(error).splitlines()[1:2] or [str(error)]
        raise BenchError(
            f"not a checkpoint of the full HAAQI-Net: {problem[0].strip()[:300]}", where=str(path)
        ) from error
    return model.eval().requires_grad_(False)


def read_checkpoint(path: Path, *keys: str) -> dict[str, dict[str, object]]:
    """Read a torch checkpoint that has `keys`, without running any code in it.

    Raises:
        BenchError: the file is missing, not a checkpoint, or lacks a key.
    """
    if not path.is_file():
        raise BenchError(
            "no such checkpoint",
            where=str(path),
            hint="Get it from the authors' page (github.com/dyahayumgw/HAAQI-Net) and put it here.",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise BenchError(
            f"cannot be read as a torch checkpoint of plain weights ({type(error).__name__})",
            where=str(path),
            hint="Download it again; files that contain code are not opened.",
        ) from error
    missing = [key for key in keys if not isinstance(checkpoint, dict) or key not in checkpoint]
    if missing:
        raise BenchError(
            f"the checkpoint has no entry {', '.join(map(repr, missing))}", where=str(path)
        )
    result: dict[str, dict[str, object]] = checkpoint
    return result
