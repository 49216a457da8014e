"""Audio files of an at-mic sample: read in parts, checked against the data contract."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.api import SAMPLE_RATE, STEMS
from bench.data.audio import AudioFile, Header, read_header
from bench.data.names import file_at
from bench.errors import BenchError

if TYPE_CHECKING:
    from torch import Tensor

PARTS: Final = ("mixture", *STEMS)


class SceneFiles:
    """The five files of one at-mic sample; a :class:`bench.api.SceneAudio`.

    Each header is read and checked once, samples only as they are asked for.

    Args:
        folder: holds ``mixture.wav`` and a file for each of STEMS, or links to them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._headers: dict[str, Header] = {}

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self._header("mixture").sample_rate

    @property
    def frames(self) -> int:
        """Samples per channel."""
        return self._header("mixture").frames

    def path(self, part: str) -> Path:
        """The file of ``"mixture"`` or a stem; where there is none, what it would be called."""
        if part not in PARTS:
            raise ValueError(f"no part of a scene: {part!r}")
        return file_at(self.folder, f"{part}.wav")

    def prefetch(self) -> None:
        """Ask the system to read the files ahead, in the background; nothing is checked."""
        for part in PARTS:
            try:
                with self.path(part).open("rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)
            except OSError:  # a missing file is reported when the scene is read
                return

    def read(self, part: str, start: int = 0, frames: int | None = None) -> Tensor:
        """Read ``"mixture"`` or a stem, float32 ``(2, frames)``; to the end where frames is None.

        Raises:
            BenchError: the file is missing, damaged, or breaks the data contract.
            ValueError: the scene has no such part or samples.
        """
        import numpy as np
        import torch

        header = self._header(part)
        count = header.frames - start if frames is None else frames
        if start < 0 or count < 0 or start + count > header.frames:
            raise ValueError(f"samples {start} to {start + count} of {header.frames}")
        with AudioFile(self.path(part)) as file:
            samples = file.read(start, count, "float32")
        return torch.from_numpy(np.ascontiguousarray(samples.T))

    def header(self, part: str) -> Header:
        """The header of a part's file.

        Raises:
            BenchError: the file is missing, damaged, or breaks the data contract.
        """
        return self._header(part)

    def _header(self, part: str) -> Header:
        if part not in self._headers:
            header = read_header(self.path(part))
            self._check(part, header)
            self._headers[part] = header
        return self._headers[part]

    def _check(self, part: str, header: Header) -> None:
        path = str(self.path(part))
        if header.sample_rate != SAMPLE_RATE:
            raise BenchError(
                f"the sample rate is {header.sample_rate} Hz, expected {SAMPLE_RATE} Hz",
                where=path,
                hint="Resample the file; reading it at another rate would give wrong scores.",
            )
        if header.channels != 2:
            kind = "mono" if header.channels == 1 else f"of {header.channels} channels"
            hint = "Channels are the left and the right ear."
            raise BenchError(f"the file is {kind}, expected 2 channels", where=path, hint=hint)
        if header.frames == 0:
            raise BenchError("the file has no samples", where=path)
        if part != "mixture" and header.frames != self.frames:
            raise BenchError(
                f"the stem has {header.frames} samples, the mixture {self.frames}", where=path
            )
