"""Synthesised songs: levels, structure, and that a name says all."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest
from scipy.signal import butter, sosfilt

from bench.api import STEMS
from bench.data.generate.synth import dsp
from bench.data.generate.synth.score import GROOVES, MODES, compose, fit, melody
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


def test_compositions_differ() -> None:
    scores = [compose(f"song {k}", 12.0) for k in range(60)]
    assert {s.groove for s in scores} == set(GROOVES)
    assert {s.mode for s in scores} == set(MODES)
    assert len({s.root for s in scores}) == 12
    assert len({s.tempo for s in scores}) == 60
    assert all(60 <= s.tempo <= 150 for s in scores)


def test_melody_stays_in_key_and_range() -> None:
    score = compose("melody", 20.0)
    notes = melody(score, dsp.generator("melody"), 50, 65, 0.5)
    assert len(notes) > 10
    assert all(50 <= n.pitch <= 65 for n in notes)
    key = {(score.root + step) % 12 for step in MODES[score.mode]}
    assert {n.pitch % 12 for n in notes} <= key
    starts = [n.start for n in notes]
    assert starts == sorted(starts)
    gaps = np.array(starts[1:]) - np.array([n.start + n.seconds for n in notes[:-1]])
    assert gaps.max() > score.sixteenth  # the singer breathes
    assert gaps.min() > -0.51 * score.sixteenth  # and sings one note at a time, but for swing


def test_fit_moves_by_octaves() -> None:
    assert [fit(p, 60, 72) for p in (59, 60, 72, 73, 30, 100)] == [71, 60, 72, 61, 66, 64]


def test_partials_are_harmonics() -> None:
    """Against the sum of sines that they stand for."""
    t = np.arange(4410) / RATE
    expected = np.sin(2 * np.pi * 220 * t) * np.exp(-3 * t)
    expected += 0.5 * np.sin(2 * np.pi * 660 * t) * np.exp(-9 * t)
    sound = dsp.partials(220.0, 4410, [1.0, 0.0, 0.5], damping=3.0)
    np.testing.assert_allclose(sound, expected, atol=1e-9)


def test_saw_is_band_limited() -> None:
    """Between the harmonics, where a naive sawtooth's aliases lie, there is little."""
    hz = 44_100 / 28.5  # no harmonic falls on another's alias
    sound = dsp.saw(hz, RATE) * np.hanning(RATE)
    spectrum = np.abs(np.fft.rfft(sound)) ** 2
    bins = np.fft.rfftfreq(RATE, 1 / RATE)
    distance = np.abs(bins / hz - np.rint(bins / hz)) * hz
    between = (distance > 20) & (bins < 8000)
    naive = 2 * ((np.arange(RATE) * hz / RATE) % 1.0) - 1
    naive_spectrum = np.abs(np.fft.rfft(naive * np.hanning(RATE))) ** 2
    assert spectrum[between].sum() < 0.02 * naive_spectrum[between].sum()


def test_pan_keeps_power() -> None:
    sound = dsp.noise(dsp.generator("pan"), 1000)
    for position in (-1.0, -0.3, 0.0, 1.0):
        stereo = dsp.pan(sound, position)
        np.testing.assert_allclose(np.square(stereo).sum(), np.square(sound).sum())
    assert np.abs(dsp.pan(sound, -1.0)[1]).max() < 1e-12


def test_place_drops_what_hangs_over() -> None:
    out = np.zeros((2, 100))
    dsp.place(out, 90 / RATE, np.ones((2, 50)))
    dsp.place(out, 1.0, np.ones((2, 50)))
    dsp.place(out, -1.0, np.ones((2, 50)))
    assert out.sum() == 20
