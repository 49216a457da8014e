"""Signals made ready for a page: equal levels, FLAC, spectrograms."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import soundfile
from matplotlib.image import imsave
from scipy.ndimage import zoom
from scipy.signal import stft

from bench.hearing.loudness import integrated_loudness

RATE: Final = 44_100
"""Hz, of every signal on a page: signals of one length and rate can be locked to each other."""
LOUDNESS: Final = -23.0
"""LUFS that signals are brought to, or less where a peak would not fit."""
PEAK: Final = -1.0
"""dBFS that no sample exceeds."""
LOWEST: Final = 60.0
"""Hz; the lower edge of a spectrogram."""
HIGHEST: Final = 16_000.0
"""Hz; its upper edge."""
_RANGE: Final = 70.0
"""dB that a spectrogram shows below its loudest point."""
_FRAME: Final = 2048
_SIZE: Final = (900, 180)

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MatchedSignals:
    """Signals at one level.

    Attributes:
        signals: ``(2, N)`` by name.
        changes: what was added to each, dB; 0 for silence.
        loudness: of each now, LUFS.
    """

    signals: Mapping[str, Array]
    changes: Mapping[str, float]
    loudness: float


def loudness_of(signal: Array) -> float:
    """Integrated loudness (ITU-R BS.1770-4) of ``(2, N)`` at RATE, LUFS."""
    return float(integrated_loudness(signal, RATE))


def match_levels(signals: Mapping[str, Array]) -> MatchedSignals:
    """Bring all to the same integrated loudness: LOUDNESS, or the most that keeps peaks to PEAK."""
    levels = {name: loudness_of(signal) for name, signal in signals.items()}
    heard = {name: level for name, level in levels.items() if np.isfinite(level)}
    rooms = [level + PEAK - _peak(signals[name]) for name, level in heard.items()]
    target = min([LOUDNESS, *rooms])
    changes = {name: target - heard[name] if name in heard else 0.0 for name in signals}
    return MatchedSignals(_changed(signals, changes), changes, target)


def lift_together(signals: Mapping[str, Array], first: str) -> MatchedSignals:
    """Change all by the same amount, so that `first` comes to LOUDNESS, or what peaks allow."""
    level = loudness_of(signals[first])
    peaks = [_peak(signal) for signal in signals.values() if np.any(signal)]
    change = min([LOUDNESS - level if np.isfinite(level) else 0.0, *(PEAK - p for p in peaks)])
    changes = dict.fromkeys(signals, change)
    return MatchedSignals(_changed(signals, changes), changes, level + change)


def flac(signal: Array) -> bytes:
    """``(2, N)`` at RATE as a 16-bit FLAC file."""
    buffer = io.BytesIO()
    soundfile.write(buffer, signal.T, RATE, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def text_of(content: bytes) -> str:
    """Bytes as base64 text."""
    return base64.b64encode(content).decode("ascii")


def audio_text(signal: Array) -> str:
    """``(2, N)`` at RATE as the base64 text of a 16-bit FLAC file."""
    return text_of(flac(signal))


def spectrogram(signal: Array) -> bytes:
    """A JPEG picture of ``(2, N)``: time to the right, LOWEST to HIGHEST upwards (logarithmic)."""
    frequencies, _, bins = stft(signal, RATE, nperseg=_FRAME, noverlap=3 * _FRAME // 4)
    power = np.square(np.abs(bins)).mean(axis=0)
    wanted = np.geomspace(LOWEST, HIGHEST, _SIZE[1])
    columns = [np.interp(wanted, frequencies, column) for column in power.T]
    level = 10 * np.log10(np.maximum(np.stack(columns, axis=1), 1e-12))
    picture = zoom(level, (1, _SIZE[0] / level.shape[1]), order=1)
    top = float(picture.max())
    buffer = io.BytesIO()
    imsave(
        buffer,
        picture,
        vmin=top - _RANGE,
        vmax=top,
        cmap="cividis",
        origin="lower",
        format="jpeg",
        pil_kwargs={"quality": 75},
    )
    return buffer.getvalue()


def place_of(frequency: float) -> float:
    """The place of a frequency in Hz in a spectrogram: 0 at the bottom, 1 at the top."""
    return float(np.log(frequency / LOWEST) / np.log(HIGHEST / LOWEST))


def _peak(signal: Array) -> float:
    return 20 * float(np.log10(np.abs(signal).max()))


def _changed(signals: Mapping[str, Array], changes: Mapping[str, float]) -> dict[str, Array]:
    return {name: signal * 10 ** (changes[name] / 20) for name, signal in signals.items()}
