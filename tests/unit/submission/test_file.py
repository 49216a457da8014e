"""One file beside its reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from clarity.utils.audiogram import Listener

from bench.errors import BenchError
from bench.plugins import installed
from bench.submission.file import PairScores, score_pair

RATE = 44_100


def score(processed: Path, reference: Path, listener: Listener, metric: str) -> PairScores:
    return score_pair(
        processed, reference, listener, installed(), prescription="nalr", metrics=(metric,)
    )


def test_mono_and_another_rate_are_told(rendered_pair: dict, tmp_path: Path) -> None:
    samples, _ = soundfile.read(rendered_pair["folder"] / "reference.wav")
    import soxr

    mono = tmp_path / "mono.wav"
    soundfile.write(mono, soxr.resample(samples[:, 0], RATE, 48_000), 48_000, subtype="FLOAT")
    result = score(mono, mono, rendered_pair["listener"], "clipping")
    assert result.ok
    assert result.notes == [
        "the reference is mono: both ears get the same signal",
        "the reference is resampled from 48000 Hz to 44100 Hz (soxr HQ)",
        "the processed file is mono: both ears get the same signal",
    ]


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (np.zeros((80_000, 2)), 32_000, "it lasts 2.500 s, reference.wav 3.000 s"),
        (np.zeros((132_300, 2)), 32_000, "it lasts 4.134 s, reference.wav 3.000 s"),
        (np.zeros((96_000, 3)), 32_000, "3 channels, expected 1 or 2"),
        (np.full((96_000, 2), np.nan), 32_000, "NaN or infinite"),
        (np.zeros((1000, 2)), 32_000, "shorter than 0.4 s"),
    ],
)
def test_files_that_cannot_be_compared(
    rendered_pair: dict, tmp_path: Path, samples: np.ndarray, rate: int, message: str
) -> None:
    path = tmp_path / "processed.wav"
    soundfile.write(path, samples, rate, subtype="FLOAT")
    reference = rendered_pair["folder"] / "reference.wav"
    with pytest.raises(BenchError, match=message):
        score(path, reference, rendered_pair["listener"], "clipping")


def test_a_silent_reference_is_a_failed_row_and_not_a_zero(
    rendered_pair: dict, tmp_path: Path
) -> None:
    path = tmp_path / "silent.wav"
    soundfile.write(path, np.zeros((3 * RATE, 2)), RATE)
    processed = rendered_pair["folder"] / "processed.flac"
    result = score(processed, path, rendered_pair["listener"], "haaqi")
    assert not result.ok
    assert [row["value"] for row in result.rows] == [None]
    assert "silent" in result.rows[0]["reason"]


def test_metrics_of_stems_are_refused(rendered_pair: dict) -> None:
    path = rendered_pair["folder"] / "processed.flac"
    with pytest.raises(BenchError, match="it judges stems, which a single file does not have"):
        score(path, path, rendered_pair["listener"], "sdr")
