"""FLAC files read by pyclarity."""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
from numpy.typing import NDArray


def read_by_pyclarity(path: Path) -> NDArray[np.float64]:
    """Samples ``(frames, channels)``, with the file's scale applied."""
    from clarity.utils.flac_encoder import read_flac_signal

    # It leaves what it decodes in the folder for temporary files.
    with tempfile.TemporaryDirectory() as own, mock.patch.object(tempfile, "tempdir", own):
        samples: NDArray[np.float64] = read_flac_signal(path)[0]
    return samples
