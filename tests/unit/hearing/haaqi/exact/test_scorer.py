"""What the exact HAAQI promises beside its numbers: edges, errors, kept references, threads."""

from __future__ import annotations

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from clarity.evaluator.haaqi import compute_haaqi
from clarity.utils.audiogram import Audiogram
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.hearing.haaqi import HaaqiReference, haaqi
from bench.hearing.haaqi.exact import scorer as scoring

RATE = 24_000
MILD = Audiogram(levels=np.array([10, 15, 20, 25, 30, 35, 40, 45]))
NORMAL = Audiogram(levels=np.zeros(8))


def sound(seconds: float = 0.6, seed: int = 0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * RATE)) / RATE
    tone = np.sin(2 * np.pi * 330 * t) * (1 + np.sin(2 * np.pi * 4 * t))
    return 0.1 * tone + 0.03 * rng.standard_normal(t.size)


def worse(clean: NDArray[np.float64], seed: int = 1) -> NDArray[np.float64]:
    return np.clip(clean, -0.1, 0.1) + 0.01 * np.random.default_rng(seed).standard_normal(
        clean.size
    )


def test_equal_signals_score_the_polynomials_sum() -> None:
    # Not quite: the model moves the signal by 2 ms and back, and loses the ends.
    result = HaaqiReference(sound(5), NORMAL, RATE).evaluate(sound(5))
    assert result.score == pytest.approx(0.999, abs=2e-3)
    assert result.cepstral_correlation == pytest.approx(1, abs=2e-3)
    assert result.bm_sync_covariance == pytest.approx(1, abs=2e-3)
    assert (result.d_loud, result.d_norm) == pytest.approx((1, 1), abs=1e-4)


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")  # pyclarity's
@pytest.mark.parametrize(("audiogram", "about"), [(NORMAL, 0.065), (MILD, 0.038)])
def test_a_silent_output_scores_almost_nothing(audiogram: Audiogram, about: float) -> None:
    clean = sound(2)
    silence = np.zeros_like(clean)
    np.random.seed(0)  # noqa: NPY002  (pyclarity draws from the global state)
    expected = compute_haaqi(silence, clean, RATE, RATE, audiogram, 2, 65.0)
    score = haaqi(clean, silence, audiogram, RATE, draws=np.random.RandomState(0))
    assert score == pytest.approx(expected, abs=1e-8)
    # What is left is noise against sound: only here does it matter which noise.
    assert haaqi(clean, silence, audiogram, RATE) == pytest.approx(about, abs=1e-3)


def test_worse_is_lower() -> None:
    reference = HaaqiReference(sound(), MILD, RATE)
    much_worse = sound() + 0.2 * np.random.default_rng(5).standard_normal(sound().size)
    assert reference.score(sound()) > reference.score(worse(sound())) > reference.score(much_worse)


@pytest.mark.parametrize(
    ("reference", "processed", "what"),
    [
        (np.zeros(9600), sound(0.4), "reference: is silent"),
        (np.zeros(0), sound(0.4), "reference: is empty"),
        (sound(0.4), np.zeros(0), "processed: is empty"),
        (np.full(9600, np.nan), sound(0.4), "reference: has NaN"),
        (sound(0.4), np.append(sound(0.4), np.inf), "processed: has NaN or infinite"),
        (sound(0.4).reshape(2, -1), sound(0.2), r"reference: has shape \(2, 4800\)"),
        (sound(0.4), np.ones((2, 9600)), r"processed: has shape \(2, 9600\)"),
        (sound(0.0159), sound(0.0159), "HAAQI needs 16 ms"),
        (sound(0.4), sound(0.01), "HAAQI needs 16 ms"),
        (np.append(np.zeros(9000), [1.0]), sound(0.4), "HAAQI needs 16 ms"),
    ],
)
def test_what_cannot_be_scored_is_refused(
    reference: NDArray[np.float64], processed: NDArray[np.float64], what: str
) -> None:
    with pytest.raises(BenchError, match=what):
        haaqi(reference, processed, MILD, RATE)


def test_silence_before_a_common_end_is_refused() -> None:
    late = np.append(np.zeros(9600), sound(0.4))
    with pytest.raises(BenchError, match="reference: is silent"):
        haaqi(late, sound(0.3), MILD, RATE)


@pytest.mark.parametrize("equalisation", [0, 3])
def test_an_unknown_equalisation_is_refused(equalisation: int) -> None:
    with pytest.raises(BenchError, match="equalisation"):
        haaqi(sound(), sound(), MILD, RATE, equalisation=equalisation)


@pytest.mark.parametrize("samples", [384, 385, 575, 576, 577, 2399, 2400, 2401])
def test_the_shortest_signals_score_as_in_pyclarity(samples: int) -> None:
    clean = np.random.default_rng(samples).uniform(0.1, 0.2, samples) * np.sin(np.arange(samples))
    clean[[0, -1]] = 0.1
    heard = clean + 0.02 * np.random.default_rng(1).standard_normal(samples)
    np.random.seed(3)  # noqa: NPY002
    expected = compute_haaqi(heard, clean, RATE, RATE, MILD, 2, 80.0)
    score = haaqi(clean, heard, MILD, RATE, 80.0, draws=np.random.RandomState(3))
    assert score == pytest.approx(expected, abs=1e-8)


def test_the_longer_signal_is_cut() -> None:
    clean, heard = sound(0.6), worse(sound(0.6))
    reference = HaaqiReference(clean, MILD, RATE)
    whole = reference.score(heard)
    assert reference.score(np.append(heard, heard)) == whole
    short = haaqi(clean[:12_000], heard[:12_000], MILD, RATE)
    assert reference.score(heard[:12_000]) == short
    assert reference.score(heard) == whole
    assert short != whole


def test_rates_may_differ() -> None:
    clean = sound(0.5)
    reference = HaaqiReference(clean, MILD, RATE)
    from scipy.signal import resample_poly

    at_48_khz = resample_poly(worse(clean), 2, 1)
    np.random.seed(7)  # noqa: NPY002
    expected = compute_haaqi(at_48_khz, clean, 48_000, RATE, MILD, 2, 65.0)
    result = reference.evaluate(at_48_khz, 48_000, draws=np.random.RandomState(7))
    assert result.score == pytest.approx(expected, abs=1e-8)


def test_a_kept_reference_gives_the_very_score_of_a_pair() -> None:
    clean = sound()
    reference = HaaqiReference(clean, MILD, RATE, 80.0)
    systems = [worse(clean, seed) for seed in range(3)]
    first = [reference.score(system) for system in systems]
    assert first == [reference.score(system) for system in reversed(systems)][::-1]
    assert first == [haaqi(clean, system, MILD, RATE, 80.0) for system in systems]
    assert len(set(first)) == 3


def test_draws_leave_a_kept_reference_as_it_was() -> None:
    clean = sound()
    reference = HaaqiReference(clean, MILD, RATE)
    before = reference.score(worse(clean))
    drawn = reference.evaluate(worse(clean), draws=np.random.RandomState(1)).score
    assert drawn != before
    assert reference.score(worse(clean)) == before
    fresh = HaaqiReference(clean, MILD, RATE)
    assert fresh.evaluate(worse(clean), draws=np.random.RandomState(1)).score == drawn
    assert fresh.score(worse(clean)) == before


PROFOUND = Audiogram(levels=np.array([75, 80, 85, 90, 95, 100, 105, 105]))


def test_one_generator_serves_one_ear_after_the_other_as_in_pyclarity() -> None:
    """``melcor9`` draws what it multiplies by 0: the second ear's noise starts behind that."""
    ears = [(sound(seed=seed), worse(sound(seed=seed)), NORMAL) for seed in (0, 1)]
    ears += [(0.02 * clean, 0.02 * heard, PROFOUND) for clean, heard, _ in ears]
    np.random.seed(12)  # noqa: NPY002
    expected = [compute_haaqi(h, c, RATE, RATE, who, 2, 80.0) for c, h, who in ears]
    generator = np.random.RandomState(12)
    found = [haaqi(c, h, who, RATE, 80.0, draws=generator) for c, h, who in ears]
    assert found == pytest.approx(expected, abs=1e-8)
    assert generator.standard_normal() == np.random.standard_normal()  # noqa: NPY002


def test_a_reference_kept_with_drawn_noise_gives_the_very_scores() -> None:
    clean = sound()
    reference = HaaqiReference(clean, PROFOUND, RATE, 80.0)
    for system in (worse(clean), worse(clean, 2), 0.5 * clean):
        alone = haaqi(clean, system, PROFOUND, RATE, 80.0, draws=np.random.RandomState(5))
        again = reference.evaluate(system, draws=np.random.RandomState(5)).score
        assert again == alone
    other = reference.evaluate(worse(clean), draws=np.random.RandomState(6)).score
    assert other == haaqi(clean, worse(clean), PROFOUND, RATE, 80.0, draws=np.random.RandomState(6))
    assert reference.score(worse(clean)) == haaqi(clean, worse(clean), PROFOUND, RATE, 80.0)


def test_a_reference_travels_to_other_processes_without_its_buffers() -> None:
    clean = sound()
    reference = HaaqiReference(clean, MILD, RATE, equalisation=1)
    score = reference.score(worse(clean))
    parcel = pickle.dumps(reference)
    assert len(parcel) < 2 * clean.nbytes
    assert pickle.loads(parcel).score(worse(clean)) == score


def test_threads_may_share_a_reference() -> None:
    clean = sound()
    systems = [worse(clean, seed) for seed in range(8)]
    expected = [haaqi(clean, system, MILD, RATE) for system in systems]
    reference = HaaqiReference(clean, MILD, RATE)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(reference.score, systems)) == expected


def test_windows_give_what_the_whole_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    clean = np.append(sound(1.2), sound(1.1, seed=4))
    heard = np.roll(worse(clean), 700)
    whole = HaaqiReference(clean, MILD, RATE).evaluate(heard)
    drawn = HaaqiReference(clean, MILD, RATE).evaluate(heard, draws=np.random.RandomState(1))
    monkeypatch.setattr(scoring, "WHOLE", 1000)
    monkeypatch.setattr(scoring, "WINDOW", scoring.STEP)
    monkeypatch.setattr(scoring, "KEPT_CHANNELS", 1000)
    in_windows = HaaqiReference(clean, MILD, RATE)
    assert in_windows.evaluate(heard) == whole
    assert in_windows.evaluate(heard) == whole
    assert in_windows.evaluate(heard, draws=np.random.RandomState(1)) == drawn


def test_inputs_are_left_alone() -> None:
    clean, heard = sound(), worse(sound())
    copies = clean.copy(), heard.copy()
    haaqi(clean, heard, MILD, RATE)
    assert np.array_equal(clean, copies[0])
    assert np.array_equal(heard, copies[1])


def test_nothing_heavy_is_imported_before_use() -> None:
    code = (
        "import sys; import bench.hearing.haaqi; "
        "print([m for m in ('numba', 'scipy', 'torch', 'clarity') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
