"""At-mic preparation against pyclarity's generator, bit for bit."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
from recipes.cad_icassp_2024.generate_dataset import generate_at_mic_musdb18 as official

from bench.data.generate.at_mic import apply_hrtf, match_loudness, to_at_mic, to_int16
from bench.data.generate.hrtf import spherical_head

RATE = 44_100
LEFT, RIGHT = spherical_head(-30.0, 0.0875), spherical_head(22.5, 0.0875)


def _music(seed: int, level: float) -> np.ndarray:
    return level * np.random.default_rng(seed).standard_normal((RATE, 2))


def test_filters_like_the_official_generator() -> None:
    music = _music(0, 0.1)
    np.testing.assert_array_equal(
        apply_hrtf(music, LEFT, RIGHT), official.apply_hrtf(music, LEFT, RIGHT)
    )


@pytest.mark.parametrize("level", [0.5, 0.1, 0.003])
def test_loudness_like_the_official_generator(level: float) -> None:
    music = _music(1, level)
    wet = apply_hrtf(music, LEFT, RIGHT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = official.normalise_lufs_level(wet, music, RATE)
    np.testing.assert_array_equal(match_loudness(wet, music, RATE), expected)


def test_file_like_the_official_generator(tmp_path: Path) -> None:
    """Also where samples clip."""
    music = _music(2, 0.4)
    ours = to_int16(to_at_mic(music, LEFT, RIGHT, RATE))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signal = official.normalise_lufs_level(official.apply_hrtf(music, LEFT, RIGHT), music, RATE)
    official.write_signal(tmp_path / "a.wav", signal, RATE, floating_point=False)
    written, _ = soundfile.read(tmp_path / "a.wav", dtype="int16")
    assert np.abs(written.astype(int)).max() >= 32_767
    np.testing.assert_array_equal(ours, written)


@pytest.mark.parametrize("level", [0.0, 1e-6])
def test_silence_stays_silent(level: float) -> None:
    """Below the gate of -70 LUFS there is no loudness; the official code gives NaN there."""
    out = to_at_mic(_music(3, level), LEFT, RIGHT, RATE)
    np.testing.assert_array_equal(out, np.zeros((RATE, 2)))


def test_real_music_comes_out_as_the_official_files(real_data: Path) -> None:
    """Real stems and HRTFs; the files were written by the official generator's functions."""
    track, head = "Music Delta - 80s Rock", "hlp_0005"
    root = real_data / "cadenza_real"
    at = json.loads((root / "metadata/head_loudspeaker_positions.json").read_text())[head]
    left, right = (
        soundfile.read(root / "audio/hrtf" / f"{at['mic']}-{at['subject']}-{name}.wav")[0]
        for name in (f"n{abs(at['left_angle'])}", f"p{abs(at['right_angle'])}")
    )
    for part in ("mixture", "vocals", "bass"):
        music, _ = soundfile.read(real_data / "music" / "train" / track / f"{part}.flac")
        sample = root / "audio/at_mic_music/train" / f"{track}-{head}" / f"{part}.wav"
        expected, _ = soundfile.read(sample, dtype="int16")
        np.testing.assert_array_equal(to_int16(to_at_mic(music, left, right, RATE)), expected)
