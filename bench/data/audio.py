"""Audio files of any kind: their headers and samples, and what is said where one cannot be read."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from bench.errors import BenchError

if TYPE_CHECKING:
    import soundfile
    from numpy.typing import NDArray

BLOCK: Final = 1 << 17
"""Samples that are read at a time."""
_UNKNOWN_SIZE: Final = 0xFFFFFFFF
"""What a data chunk of RF64, or of a stream whose end was not known, gives as its size."""


@dataclass(frozen=True)
class Header:
    """The header of an audio file: Hz, channels, samples a channel, and whether it holds floats."""

    sample_rate: int
    channels: int
    frames: int
    is_float: bool


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Make what goes wrong while an audio file is read an error that names the file.

    Raises:
        BenchError: it is missing, or no audio.
    """
    import soundfile

    try:
        yield
    except (soundfile.LibsndfileError, OSError) as error:
        # libsndfile has but one error for all that it cannot open.
        if isinstance(error, FileNotFoundError) or not path.exists():
            hint = "Check the path, or unpack the audio."
            raise BenchError("the audio file is missing", where=str(path), hint=hint) from None
        reason = getattr(error, "error_string", None) or getattr(error, "strerror", None) or error
        what = f"cannot be read as audio: {str(reason).rstrip('.')}"
        raise BenchError(what, where=str(path)) from None


def read_header(path: Path) -> Header:
    """Read the header of an audio file.

    Raises:
        BenchError: it is missing, no audio, or shorter than its header says.
    """
    import soundfile

    with reading(path):
        info = soundfile.info(path)
        with path.open("rb") as file:
            missing = _missing_bytes(file)
    # libsndfile reads a truncated WAV without a word: its frames are those that are there.
    if missing:
        raise truncated(path, f"{missing} bytes of samples are missing")
    is_float = info.subtype in ("FLOAT", "DOUBLE")
    return Header(info.samplerate, info.channels, info.frames, is_float)


def open_audio(path: Path) -> soundfile.SoundFile:
    """An audio file, opened to be read.

    Raises:
        BenchError: it is missing, or no audio.
    """
    import soundfile

    with reading(path):
        return soundfile.SoundFile(path)


def read_blocks(
    file: soundfile.SoundFile, frames: int = BLOCK, dtype: str = "float64"
) -> Iterator[NDArray[Any]]:
    """The samples of an open audio file, ``(n, channels)`` at a time.

    Raises:
        BenchError: it cannot be read, or holds NaN or infinite samples.
    """
    path, position = Path(file.name), 0
    with reading(path):
        while len(block := file.read(frames, dtype=dtype, always_2d=True)):
            check_finite(block, path, position)
            yield block
            position += len(block)


def read_samples(path: Path) -> tuple[NDArray[Any], int]:
    """All samples of an audio file, float64 ``(n, channels)``, and its sample rate in Hz.

    Raises:
        BenchError: it cannot be read, or holds NaN or infinite samples.
    """
    import soundfile

    with reading(path):
        samples, rate = soundfile.read(path, dtype="float64", always_2d=True)
    check_finite(samples, path)
    return samples, rate


def check_finite(samples: NDArray[Any], path: Path, start: int = 0) -> None:
    """Refuse samples ``(n, channels)`` of a file, from `start` on, that are NaN or infinite."""
    import numpy as np

    finite = np.isfinite(samples)
    if not finite.all():
        first = start + int(np.argmin(finite.all(axis=1)))
        hint = "Write the file again; silence is 0."
        raise BenchError(f"sample {first} is NaN or infinite", where=str(path), hint=hint)


def truncated(path: Path, detail: str) -> BenchError:
    """The error for a file that is shorter than it says."""
    return BenchError(
        f"the file is truncated: {detail}",
        where=str(path),
        hint="Copy or unpack it again.",
    )


def _missing_bytes(file: BinaryIO) -> int:
    """Bytes by which a WAV file falls short of its data chunk; 0 for any other format."""
    kind, _, form = struct.unpack("<4sI4s", file.read(12).ljust(12, b"\0"))
    if kind != b"RIFF" or form != b"WAVE":
        return 0
    end = file.seek(0, 2)
    position = 12
    while position + 8 <= end:
        file.seek(position)
        name, size = struct.unpack("<4sI", file.read(8))
        position += 8
        if name == b"data":
            return 0 if size == _UNKNOWN_SIZE else max(0, position + size - end)
        position += size + size % 2
    return 0
