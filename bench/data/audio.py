"""Audio files of any kind, read by one reader, so that all commands read a file alike.

A file that was cut short is refused, whatever its format. The header of a stream, whose length its
writer could not know, is completed. A FLAC file may have its scale beside it, as pyclarity's
``save_flac_signal(..., do_scale_signal=True)`` leaves it: ``x.txt`` holds what the samples of
``x.flac`` were divided by.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Self

from bench.data.containers import extent
from bench.errors import BenchError

if TYPE_CHECKING:
    from numpy.typing import NDArray

KNOWN: Final = ("FLAC", "WAV", "WAVEX", "RF64", "AIFF", "W64", "CAF", "AU", "OGG", "MP3")
"""Kinds of files, as libsndfile calls them, of which is known how long they should be."""
BLOCK: Final = 1 << 17
"""Samples that are read at a time."""
SAMPLE_RATES: Final = (1_000, 768_000)
"""Hz; a header with another rate is wrong, or not of music."""
LOUDEST: Final = 1_000.0
"""Magnitude of a sample, +60 dBFS: no mixture is as loud, but integers written as floats are."""


@dataclass(frozen=True)
class Header:
    """The header of an audio file.

    Attributes:
        sample_rate: Hz.
        channels: how many.
        frames: samples a channel.
        is_float: whether it holds floats.
        scale: what its samples are multiplied by; 1.0 without a scale beside it.
    """

    sample_rate: int
    channels: int
    frames: int
    is_float: bool
    scale: float = 1.0


class AudioFile:
    """An audio file, open to be read; a context manager.

    Args:
        path: the file.

    Raises:
        BenchError: it is missing, not audio, shorter than it declares, or its sample rate or scale
            is invalid.
    """

    def __init__(self, path: Path) -> None:
        import soundfile

        self.path = path
        with _reading(path):
            if path.is_dir():
                raise IsADirectoryError(0, "it is a folder")
            if path.suffix.lower() == ".raw":
                raise OSError(0, "a file without a header does not say what its samples are")
            with path.open("rb") as file:
                found = extent(file)
            self._stream = _Patched(path, found.patch) if found.patch else None
            try:
                self._file = soundfile.SoundFile(self._stream or path)
            except BaseException:
                self._end()
                raise
        try:
            if found.missing and (found.certain or not self._decodes()):
                raise truncated(path, found.missing)
            if found.chained:
                what = "another stream follows the first, which alone would be read"
                hint = "Decode it to a FLAC file, which has both, or cut the second."
                raise BenchError(what, where=str(path), hint=hint)
            if self._file.format not in KNOWN:
                hint = f"Convert it to one of {', '.join(KNOWN)}."
                what = f"a file of the kind {self._file.format} does not show whether it is whole"
                raise BenchError(what, where=str(path), hint=hint)
            low, high = SAMPLE_RATES
            if not low <= self._file.samplerate <= high:
                what = f"its sample rate is {self._file.samplerate} Hz, not {low} to {high}"
                raise BenchError(what, where=str(path), hint="Write it again with its own rate.")
            is_float = self._file.subtype in ("FLOAT", "DOUBLE")
            self.header: Final = Header(
                self._file.samplerate,
                self._file.channels,
                self._file.frames,
                is_float,
                _scale(path),
            )
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._end()

    def blocks(self, frames: int = BLOCK, dtype: str = "float64") -> Iterator[NDArray[Any]]:
        """The samples from the first to the last, ``(n, channels)`` at a time.

        Raises:
            BenchError: it cannot be read, holds impossible samples, or ends early.
        """
        with _reading(self.path):
            self._file.seek(0)
        position, whole = 0, self.header.frames
        while len(block := self._block(min(frames, whole - position), dtype)):
            check_samples(block, self.path, position)
            yield block
            position += len(block)
        # Of an MP3 file without a Xing tag, frames are an estimate.
        if position < whole and self._file.format != "MP3":
            raise truncated(self.path, f"only {position} of {whole} samples could be read")

    def read(
        self, start: int = 0, count: int | None = None, dtype: str = "float64"
    ) -> NDArray[Any]:
        """Read `count` samples from `start` on, ``(count, channels)``; to the end where it is None.

        Raises:
            BenchError: it cannot be read, holds impossible samples, or ends early.
        """
        count = self.header.frames - start if count is None else count
        with _reading(self.path):
            self._file.seek(start)
        samples = self._block(count, dtype)
        if len(samples) < count and self._file.format != "MP3":
            raise truncated(self.path, f"only {len(samples)} of {count} samples could be read")
        check_samples(samples, self.path, start)
        return samples

    def _block(self, count: int, dtype: str) -> NDArray[Any]:
        with _reading(self.path):
            samples: NDArray[Any] = self._file.read(count, dtype=dtype, always_2d=True)
        if self.header.scale != 1.0:
            samples *= self.header.scale
        return samples

    def _decodes(self) -> bool:
        """Whether all samples that the header declares can be read."""
        import soundfile

        try:
            read = 0
            while count := len(self._file.read(BLOCK, dtype="int32", always_2d=True)):
                read += count
            self._file.seek(0)
        except soundfile.LibsndfileError:
            return False
        return bool(read == self._file.frames)

    def _end(self) -> None:
        if self._stream is not None:
            self._stream.close()


class _Patched:
    """A file with some bytes changed, for libsndfile."""

    def __init__(self, path: Path, patch: dict[int, bytes]) -> None:
        self._file: BinaryIO = path.open("rb")
        self._patch = patch

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        start = self._file.tell()
        data = bytearray(self._file.read(size))
        for place, new in self._patch.items():
            for number, byte in enumerate(new, place - start):
                if 0 <= number < len(data):
                    data[number] = byte
        return bytes(data)

    def close(self) -> None:
        self._file.close()


def read_header(path: Path) -> Header:
    """Read the header of an audio file.

    Raises:
        BenchError: it is missing, not audio, shorter than it declares, or its sample rate or scale
            is invalid.
    """
    with AudioFile(path) as file:
        return file.header


def read_samples(path: Path) -> tuple[NDArray[Any], int]:
    """All samples of an audio file, float64 ``(n, channels)``, and its sample rate in Hz.

    Raises:
        BenchError: it cannot be read, ends early, or holds impossible samples.
    """
    with AudioFile(path) as file:
        return file.read(), file.header.sample_rate


def scale_note(path: Path, header: Header) -> str:
    """The note on a file that has a scale beside it."""
    beside = path.with_suffix(".txt").name
    return f"the samples of {path.name} are multiplied by {header.scale:g}, as {beside} says"


def check_samples(samples: NDArray[Any], path: Path, start: int = 0) -> None:
    """Refuse samples ``(n, channels)`` of a file, from `start` on: NaN, infinite, over +60 dBFS."""
    import numpy as np

    if samples.dtype.kind != "f":
        return
    good = np.abs(samples) <= LOUDEST  # false for NaN
    if good.all():
        return
    first = int(np.argmin(good.all(axis=1)))
    if np.isfinite(samples[first]).all():
        what = f"is {np.abs(samples[first]).max():.5g} times full scale"
        hint = "Integers are no floats: divide 16-bit ones by 32768, and write the file again."
    else:
        what, hint = "is NaN or infinite", "Write the file again; silence is 0."
    raise BenchError(f"sample {start + first} {what}", where=str(path), hint=hint)


def truncated(path: Path, detail: str) -> BenchError:
    """The error for a file that is shorter than it says."""
    return BenchError(
        f"the file is truncated: {detail}",
        where=str(path),
        hint="Copy or unpack it again.",
    )


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Make what goes wrong while an audio file is read an error that names the file."""
    import soundfile

    try:
        yield
    except (soundfile.LibsndfileError, OSError) as error:
        # libsndfile has but one error for all that it cannot open.
        if isinstance(error, FileNotFoundError) or not path.exists():
            hint = "Check the path, or unpack the audio."
            raise BenchError("the audio file is missing", where=str(path), hint=hint) from None
        said = getattr(error, "error_string", None) or getattr(error, "strerror", None)
        reason = str(said or "its samples are damaged").removeprefix("Error : ").rstrip(".")
        what = f"cannot be read as audio: {reason}"
        raise BenchError(what, where=str(path)) from None


def _scale(path: Path) -> float:
    """What a FLAC file's samples are to be multiplied by: the number in the text file beside it."""
    if path.suffix.lower() != ".flac":
        return 1.0
    beside = path.with_suffix(".txt")
    if not beside.exists():
        return 1.0
    try:
        scale = float(beside.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        scale = math.nan
    if not 0 < scale < math.inf:
        hint = f"It is read as the scale of {path.name}: rename it if it is not."
        raise BenchError("it contains no scale factor", where=str(beside), hint=hint)
    return scale
