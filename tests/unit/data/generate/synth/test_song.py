"""Synthesised songs: levels, structure, and that a name says all."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest
from scipy.signal import butter, sosfilt

from bench.api import STEMS
from bench.data.generate.synth.score import compose
from bench.data.generate.synth.song import make_song

RATE = 44_100
NAMES = ("test song A", "test song B", "test song C")


@pytest.fixture(scope="module")
def songs() -> dict[str, dict[str, np.ndarray]]:
    return {name: make_song(name, 6.0) for name in NAMES}


def test_a_name_is_a_song(songs: dict[str, dict[str, np.ndarray]]) -> None:
    np.random.seed(1)  # noqa: NPY002 - the global generator must not matter
    again = make_song(NAMES[0], 6.0)
    for part, sound in songs[NAMES[0]].items():
        np.testing.assert_array_equal(sound, again[part])
    assert not np.array_equal(songs[NAMES[0]]["drums"], songs[NAMES[1]]["drums"])


@pytest.mark.parametrize("name", NAMES)
def test_levels_are_those_of_released_music(
    songs: dict[str, dict[str, np.ndarray]], name: str
) -> None:
    song = songs[name]
    assert set(song) == {"mixture", *STEMS}
    meter = pyloudnorm.Meter(RATE)
    for part, sound in song.items():
        assert sound.shape == (6 * RATE, 2)
        assert sound.dtype == np.int16
        assert np.abs(sound.astype(int)).max() <= 0.891 * 32_768
        assert meter.integrated_loudness(sound / 32_768) > -32, part
    assert -19 < meter.integrated_loudness(song["mixture"] / 32_768) <= -15.9


@pytest.mark.parametrize("name", NAMES)
def test_mixture_is_the_exact_sum(songs: dict[str, dict[str, np.ndarray]], name: str) -> None:
    total = sum(songs[name][stem].astype(np.int32) for stem in STEMS)
    np.testing.assert_array_equal(songs[name]["mixture"], total)


def _share(sound: np.ndarray, low: float, high: float) -> float:
    """Share of the energy between `low` and `high` Hz."""
    spectrum = np.square(np.abs(np.fft.rfft(sound.astype(np.float64), axis=0))).sum(1)
    hz = np.fft.rfftfreq(len(sound), 1 / RATE)
    return float(spectrum[(hz >= low) & (hz < high)].sum() / spectrum.sum())


@pytest.mark.parametrize("name", NAMES)
def test_stems_sound_as_they_are_called(songs: dict[str, dict[str, np.ndarray]], name: str) -> None:
    song = songs[name]
    assert _share(song["bass"], 30, 300) > 0.6
    assert _share(song["vocals"], 80, 4500) > 0.8
    assert _share(song["drums"], 5000, 22_050) > 3 * _share(song["bass"], 5000, 22_050)
    # They overlap as in real music: the voice's band is full of the other instruments too.
    assert _share(song["other"], 200, 3000) > 0.3
    side = (song["other"][:, 0].astype(float) - song["other"][:, 1]) / 2
    assert np.std(side) > 0.05 * np.std(song["other"])


def test_drums_follow_the_tempo() -> None:
    """The kicks' period shows in the envelope of the low band: a peak at a whole beat."""
    name = next(n for n in (f"beat {k}" for k in range(99)) if compose(n, 8.0).groove == "four")
    score = compose(name, 8.0)
    drums = make_song(name, 8.0)["drums"].mean(1)
    low = np.abs(sosfilt(butter(4, 120, fs=RATE, output="sos"), drums))
    envelope = low[: len(low) // 441 * 441].reshape(-1, 441).mean(1)  # 100 Hz
    envelope -= envelope.mean()
    correlation = np.correlate(envelope, envelope, "full")[len(envelope) :]
    first = int(0.3 * 100)
    period = (first + np.argmax(correlation[first : int(0.8 * 100)]) + 1) / 100
    assert period == pytest.approx(60 / score.tempo, rel=0.04)


@pytest.mark.parametrize("seconds", [1.0, 2.0])
def test_a_stem_without_a_note_in_a_short_song_leaves_the_others(seconds: float) -> None:
    for number in range(1, 5):
        song = make_song(f"Bench Demo - Train {number:02d}", seconds)
        assert abs(song["mixture"].astype(int)).max() > 1000, number
        assert (song["mixture"] == sum(song[stem].astype(int) for stem in STEMS)).all()
