"""A small spectral front end for the published HAAQI-Net, and the model with it.

The original's front end is a pretrained audio transformer of 90 million parameters over 128 mel
bands. This one has the same bands, in dB SPL, and a few convolutions in the transformer's place,
which are trained together with the head. Like the original the model hears the processed signal
alone, and its gradient is the network's own.

Source of the head: Wisnu et al. (2024), HAAQI-Net, arXiv 2401.01145.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import torch
import torchaudio
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from bench.errors import BenchError
from bench.hearing.haaqi_net.published import SAMPLE_RATE, FrontEnd, HaaqiNet

BUNDLED_FILE: Final = Path(__file__).parent / "weights" / "haaqi_net_spectral.safetensors"
BANDS: Final = 128
_WINDOW: Final = 400
_HOP: Final = 160
_FFT: Final = 1024
_PATCH: Final = 4
"""Frames of 10 ms."""
_MEAN: Final = 30.0
_SPREAD: Final = 20.0
"""dB SPL; what brings levels near to 0 and 1."""
_DB: Final = 10.0


class SpectralFrontEnd(FrontEnd):
    """Mel bands in dB SPL, and convolutions over them; a patch lasts 40 ms.

    The first layer is a linear map of the bands themselves, the second comes from convolutions over
    time and frequency, the others from convolutions over time, each on top of the one before.

    Args:
        channels: of the first convolution.
        features: of a patch.
        blocks: convolutions over time, each over five patches.

    Example:
        >>> front_end = SpectralFrontEnd()
        >>> front_end.layers(torch.zeros(2, 16_000)).shape  # layers, signals, patches, features
        torch.Size([5, 2, 26, 128])
    """

    calibrated = True

    def __init__(self, channels: int = 16, features: int = 128, blocks: int = 3) -> None:
        super().__init__()
        self.config = {"channels": channels, "features": features, "blocks": blocks}
        self.count, self.features = 2 + blocks, features
        mel = torchaudio.functional.melscale_fbanks(
            _FFT // 2 + 1, 20.0, SAMPLE_RATE / 2, BANDS, SAMPLE_RATE, mel_scale="htk"
        )
        self.register_buffer("mel", mel, persistent=False)
        self.register_buffer("window", torch.hann_window(_WINDOW), persistent=False)
        self.flat = nn.Linear(BANDS, features)
        self.picture = nn.Sequential(
            nn.Conv2d(1, channels, 5, stride=2, padding=2),
            nn.GELU(),
            nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(2 * channels, 2 * channels, 3, stride=(2, 1), padding=1),
            nn.GELU(),
        )
        self.patch = nn.Linear(2 * channels * BANDS // 8, features)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(features, features, 5, padding=2),
                nn.GELU(),
                nn.Dropout(0.1),
                nn.Conv1d(features, features, 1),
            )
            for _ in range(blocks)
        )

    mel: Tensor
    window: Tensor

    def bands(self, waveform: Tensor) -> Tensor:
        """Levels of the mel bands in dB SPL, floored near 0.

        Args:
            waveform: at 16 kHz, an RMS of 1.0 for 0 dB SPL, ``(B, N)``.

        Returns:
            ``(B, frames, 128)``, a frame every 10 ms.
        """
        spectrum = torch.stft(
            waveform,
            _FFT,
            _HOP,
            _WINDOW,
            self.window,
            pad_mode="constant",
            return_complex=True,
        )
        power = spectrum.real.square() + spectrum.imag.square()
        # By Parseval's theorem the bands of a frame add up to its mean power.
        power = power.transpose(1, 2) @ self.mel * (2 / (_FFT * self.window.square().sum()))
        return _DB * torch.log10(power + 1)

    def encode(self, bands: Tensor) -> Tensor:
        """Layers of features ``(L, B, patches, F)`` from ``(B, frames, 128)`` in dB SPL."""
        levels = (bands - _MEAN) / _SPREAD
        means = functional.avg_pool1d(levels.transpose(1, 2), _PATCH, ceil_mode=True)
        layers = [self.flat(means.transpose(1, 2))]
        picture = self.picture(levels.transpose(1, 2)[:, None])
        layers.append(self.patch(picture.flatten(1, 2).transpose(1, 2)))
        for block in self.blocks:
            layers.append(layers[-1] + block(layers[-1].transpose(1, 2)).transpose(1, 2))
        return torch.stack(layers)

    def layers(self, waveform: Tensor) -> Tensor:
        """``(B, N)`` at 16 kHz, an RMS of 1.0 for 0 dB SPL -> ``(L, B, patches, F)``."""
        return self.encode(self.bands(waveform))


class SpectralHaaqiNet(HaaqiNet):
    """The published head on the spectral front end, a :class:`bench.api.Predictor`.

    Args:
        front_end: trained with the head.

    Example:
        >>> model = SpectralHaaqiNet(SpectralFrontEnd()).eval()
        >>> noise, level1 = torch.rand(2, 8000), torch.full((2,), 70.0)
        >>> model.score(noise, torch.zeros(2, 8), level1, 16_000).shape
        torch.Size([2])
    """

    beats_model: SpectralFrontEnd

    def band_scores(self, bands: Tensor, audiogram: Tensor) -> Tensor:
        """Score patches ``(B, patches)`` from bands in dB SPL, ``(B, frames, 128)``."""
        return self.frame_scores(self.beats_model.encode(bands), audiogram)


def save_spectral(model: SpectralHaaqiNet, path: Path) -> None:
    """Write the model in half precision, its sizes in the file's metadata."""
    tensors = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    save_file(tensors, path, metadata={"config": json.dumps(model.beats_model.config)})


def load_spectral(path: Path) -> SpectralHaaqiNet:
    """Load the model in eval mode and frozen.

    Args:
        path: of a file that :func:`save_spectral` wrote.

    Raises:
        BenchError: the file is missing, damaged or of another model.
    """
    if not path.is_file():
        raise BenchError("no such weights for HAAQI-Net", where=str(path))
    try:
        with safe_open(path, framework="pt") as file:
            config: dict[str, Any] = json.loads((file.metadata() or {})["config"])
            state = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        model = SpectralHaaqiNet(SpectralFrontEnd(**config))
        model.load_state_dict(state)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BenchError(
            f"not the weights of HAAQI-Net on the spectral front end ({type(error).__name__})",
            where=str(path),
        ) from error
    return model.eval().requires_grad_(False)
