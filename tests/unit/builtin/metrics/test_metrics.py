"""The metrics against pyclarity, museval and pyloudnorm."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import numpy as np
import pyloudnorm
import pytest
import torch
from clarity.enhancer.nalr import NALR
from clarity.evaluator.haaqi import compute_haaqi
from clarity.utils.audiogram import Audiogram, Listener
from clarity.utils.signal_processing import clip_signal, compute_rms, resample, to_16bit
from numpy.typing import NDArray
from recipes.cad_icassp_2024.baseline.evaluate import apply_ha, set_song_seed

from bench.api import STEMS, Rendering, Scene
from bench.builtin.metrics import HaaqiOptions, register_metrics
from bench.builtin.metrics import haaqi as haaqi_metric
from bench.builtin.metrics import sdr as sdr_metric
from bench.builtin.metrics.clipping import Clipping
from bench.builtin.metrics.haaqi import Haaqi, ReferenceCache
from bench.builtin.metrics.lufs import LufsDifference
from bench.builtin.metrics.sdr import Sdr
from bench.errors import BenchError, NoValueError
from bench.hearing.sdr import median_sdr

RATE = 44_100
OUTPUT_RATE = 32_000
LISTENER = Listener(
    Audiogram(np.array([20, 20, 25, 35, 40, 45, 50, 50])),
    Audiogram(np.array([35, 35, 40, 50, 55, 60, 65, 65])),
    "L1",
)
SCENE = Scene("s1", "song", "hlp", (0, 0, 0, 0), ("L1",), audio=None)  # type: ignore[arg-type]
Array = NDArray[np.float64]


def amplified(remix: Array, listener: Listener = LISTENER) -> Array:
    enhancer = NALR(nfir=220, sample_rate=RATE)
    ears = (listener.audiogram_left, listener.audiogram_right)
    return np.stack([apply_ha(enhancer, None, x, ear) for x, ear in zip(remix, ears, strict=True)])


def handed_in(signal: Array) -> Array:
    """As the recipe's save_flac_signal writes it, and its reader reads it."""
    clipped, _ = clip_signal(resample(signal.T, RATE, OUTPUT_RATE))
    return (to_16bit(clipped).astype(np.float64) / 32768.0).T


def rendering(seconds: float = 1.0, level: float = 0.1, error: float = 0.3) -> Rendering:
    """Four stems of modulated noise, and a separation that went somewhat wrong."""
    generator = np.random.default_rng(0)
    samples = round(seconds * RATE)
    beats = 1 + np.sin(2 * np.pi * np.array([2, 3, 4, 5])[:, None] * np.arange(samples) / RATE)
    clean = level * generator.standard_normal((4, 2, samples)) * beats[:, None]
    found = clean + error * level * generator.standard_normal(clean.shape)
    clean, found = clean.astype(np.float32), found.astype(np.float32)
    wanted, own = clean.sum(axis=0, dtype=np.float64), found.sum(axis=0, dtype=np.float64)
    return Rendering(
        scene=SCENE,
        listener=LISTENER,
        stems=torch.from_numpy(found),
        stems_reference=torch.from_numpy(clean),
        remix=torch.from_numpy(own),
        remix_reference=torch.from_numpy(wanted),
        output=torch.from_numpy(handed_in(amplified(own))),
        output_reference=torch.from_numpy(amplified(wanted)),
        gains=torch.zeros(4),
        sample_rate=RATE,
        output_rate=OUTPUT_RATE,
        amplified=torch.from_numpy(amplified(own)),
    )


def officially(r: Rendering) -> list[float]:
    """The two scores as ``run_calculate_aq`` of the official recipe computes them."""
    set_song_seed(r.scene.id)
    audiograms = (r.listener.audiogram_left, r.listener.audiogram_right)
    return [
        compute_haaqi(
            processed_signal=resample(r.output[ear].numpy(), OUTPUT_RATE, 24_000),
            reference_signal=resample(r.output_reference[ear].numpy(), RATE, 24_000),
            processed_sample_rate=24_000,
            reference_sample_rate=24_000,
            audiogram=audiograms[ear],
            equalisation=2,
            level1=65 - 20 * np.log10(compute_rms(r.remix_reference[ear].numpy())),
        )
        for ear in (0, 1)
    ]


def test_haaqi_is_the_official_score() -> None:
    r = rendering()
    left, right = officially(r)
    assert 0.1 < left < 0.99
    score = Haaqi().score(r)
    assert list(score) == ["mean", "left", "right", "better"]
    # Apart by the draw of the threshold noise alone.
    assert score["left"] == pytest.approx(left, abs=1e-4)
    assert score["right"] == pytest.approx(right, abs=1e-4)
    assert score["mean"] == pytest.approx((left + right) / 2, abs=1e-4)
    assert score["better"] == max(score["left"], score["right"])


PROFOUND = Audiogram(
    levels=np.array([75, 80, 85, 90, 95, 100, 105, 105]),
    frequencies=np.array([250, 500, 1000, 2000, 3000, 4000, 6000, 8000]),
)


@pytest.mark.parametrize(
    "audiograms", [pytest.param("moderate", marks=pytest.mark.slow), "profound", "one ear each"]
)
def test_with_the_recipes_noise_haaqi_is_the_official_score_to_1e_8(audiograms: str) -> None:
    left = LISTENER.audiogram_left if audiograms == "moderate" else PROFOUND
    right = PROFOUND if audiograms == "profound" else LISTENER.audiogram_right
    r = rendering()
    remixes = r.remix_reference.numpy(), r.remix.numpy()
    listener = Listener(left, right, "L2")
    clean, own = (amplified(remix, listener) for remix in remixes)
    for scene in ("scene_10001", "s2"):
        r = replace(
            r,
            scene=replace(SCENE, id=scene),
            listener=listener,
            output=torch.from_numpy(handed_in(own)),
            output_reference=torch.from_numpy(clean),
        )
        expected = officially(r)
        exact = Haaqi(HaaqiOptions(noise="recipe"))
        score = exact.score(r)
        assert [score["left"], score["right"]] == pytest.approx(expected, abs=1e-8)
        assert score["mean"] == pytest.approx(np.mean(expected), abs=1e-8)
        # A kept reference, and the table's noise in between, change nothing.
        plain = Haaqi().score(r)
        assert exact.score(r) == score
        assert plain != score


def test_a_noise_that_there_is_not_is_refused() -> None:
    with pytest.raises(BenchError, match="Did you mean 'recipe'"):
        HaaqiOptions(noise="recip")


def test_unclipped_is_the_score_without_the_16_bit_file() -> None:
    r = rendering(level=0.3)
    audiograms = (LISTENER.audiogram_left, LISTENER.audiogram_right)
    set_song_seed(r.scene.id)
    expected = [
        compute_haaqi(
            processed_signal=resample(amplified(r.remix.numpy())[ear], RATE, 24_000),
            reference_signal=resample(r.output_reference[ear].numpy(), RATE, 24_000),
            processed_sample_rate=24_000,
            reference_sample_rate=24_000,
            audiogram=audiograms[ear],
            equalisation=2,
            level1=65 - 20 * np.log10(compute_rms(r.remix_reference[ear].numpy())),
        )
        for ear in (0, 1)
    ]
    score = Haaqi(HaaqiOptions(noise="recipe", unclipped=True)).score(r)
    assert score["unclipped"] == pytest.approx(np.mean(expected), abs=1e-8)
    assert score["unclipped"] > score["mean"] + 0.01
    made = Haaqi(HaaqiOptions(unclipped=True)).score(replace(r, amplified=None))
    assert "unclipped" not in made
    assert made.reasons["unclipped"]  # type: ignore[attr-defined]


def test_haaqi_of_a_silent_reference_is_an_error() -> None:
    r = rendering()
    silent = torch.zeros_like(r.remix_reference)
    with pytest.raises(BenchError, match="silent"):
        Haaqi().score(
            replace(
                r, remix_reference=silent, output_reference=torch.zeros_like(r.output_reference)
            )
        )


def test_a_further_system_reuses_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Counted(haaqi_metric.HaaqiReference):
        def __init__(self, *args: object, **options: object) -> None:
            made.append(1)
            super().__init__(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(haaqi_metric, "HaaqiReference", Counted)
    monkeypatch.setattr(haaqi_metric, "_references", ReferenceCache())
    r = rendering(0.2)
    other = replace(r, output=0.5 * r.output)
    first, second = Haaqi().score(r), Haaqi().score(other)
    assert len(made) == 2  # the two ears
    assert second != first
    assert Haaqi().score(r) == first
    assert len(made) == 2


@pytest.mark.parametrize("change", ["reference", "level", "audiogram", "frequencies", "rate"])
def test_the_cache_tells_references_apart(change: str) -> None:
    cache = ReferenceCache()
    samples = np.random.default_rng(0).standard_normal(4800)
    audiogram, level, rate = Audiogram(np.full(8, 20.0)), 80.0, 24_000
    one = cache.get(samples, rate, audiogram, level)
    assert cache.get(samples.copy(), rate, Audiogram(np.full(8, 20.0)), level) is one
    if change == "reference":
        samples[7] += 1e-9
    elif change == "level":
        level += 1e-9
    elif change == "audiogram":
        audiogram = Audiogram(np.full(8, 21.0))
    elif change == "frequencies":
        audiogram = Audiogram(np.full(8, 20.0), audiogram.frequencies + 1)
    else:
        rate = 48_000
    assert cache.get(samples, rate, audiogram, level) is not one


def test_the_cache_keeps_so_much_and_no_more() -> None:
    cache = ReferenceCache(seconds=0.25)
    generator = np.random.default_rng(0)
    signals = [generator.standard_normal(2400) for _ in range(3)]

    def get(index: int) -> object:
        return cache.get(signals[index], 24_000, LISTENER.audiogram_left, 80.0)

    first, second = get(0), get(1)
    assert get(0) is first
    get(2)  # drops the second, which was used longest ago
    assert get(0) is first
    assert get(1) is not second
    long = generator.standard_normal(24_000)
    assert cache.get(long, 24_000, LISTENER.audiogram_left, 80.0)


def musevals(module: ModuleType, r: Rendering, keep: list[int]) -> Array:
    arrays = (x.double().numpy()[keep].transpose(0, 2, 1) for x in (r.stems_reference, r.stems))
    sdr = module.bss_eval(*arrays, window=r.sample_rate, hop=r.sample_rate)[0]
    result: Array = np.nanmedian(sdr, axis=1)
    return result


def at_1_khz(r: Rendering) -> Rendering:
    """The same samples called 1 kHz: as many windows, for a museval that takes its time."""
    return replace(
        r,
        stems=r.stems[..., :3500],
        stems_reference=r.stems_reference[..., :3500],
        sample_rate=1000,
    )


@pytest.mark.slow
def test_sdr_is_musevals(museval_metrics: ModuleType) -> None:
    r = at_1_khz(rendering(0.1))
    r.stems_reference[3, :, :1000] = 0  # a window in which one stem is silent counts for none
    expected = musevals(museval_metrics, r, [0, 1, 2, 3])
    score = Sdr().score(r)
    assert list(score) == ["mean", *STEMS]
    np.testing.assert_allclose([score[stem] for stem in STEMS], expected, atol=1e-6)
    assert score["mean"] == pytest.approx(expected.mean(), abs=1e-6)


def test_a_stem_that_is_silent_throughout_is_missing_and_the_others_as_without_it(
    museval_metrics: ModuleType,
) -> None:
    r = at_1_khz(rendering(0.1))
    r.stems_reference[0] = 0
    expected = musevals(museval_metrics, r, [1, 2, 3])
    score = Sdr().score(r)
    assert list(score) == ["mean", "drums", "bass", "other"]
    np.testing.assert_allclose([score[stem] for stem in STEMS[1:]], expected, atol=1e-6)
    assert score["mean"] == pytest.approx(expected.mean(), abs=1e-6)


def test_a_perfect_stem_has_no_sdr_and_leaves_no_mean() -> None:
    r = rendering()
    r.stems[1] = r.stems_reference[1]
    assert list(Sdr().score(r)) == ["vocals", "bass", "other"]
    assert Sdr().score(replace(r, stems=r.stems_reference)) == {}


def test_what_has_no_sdr_says_so() -> None:
    r = rendering(2.0)
    with pytest.raises(NoValueError, match=r"^all stems are silent$"):
        Sdr().score(replace(r, stems_reference=torch.zeros_like(r.stems)))
    gone = r.stems.clone()
    gone[2] = 0
    with pytest.raises(ValueError, match="the estimate of bass is silent"):
        Sdr().score(replace(r, stems=gone))
    taking_turns = r.stems_reference.clone()
    taking_turns[0, :, :RATE] = 0
    taking_turns[1, :, RATE:] = 0
    with pytest.raises(NoValueError, match="no window"):
        Sdr().score(replace(r, stems_reference=taking_turns))


def test_lufs_is_pyloudnorms_difference() -> None:
    r = rendering(level=0.3)
    meter = pyloudnorm.Meter(OUTPUT_RATE)
    reference = resample(r.output_reference.numpy().T, RATE, OUTPUT_RATE)
    expected = meter.integrated_loudness(r.output.numpy().T) - meter.integrated_loudness(reference)
    score = LufsDifference().score(r)
    assert list(score) == ["mean"]
    assert score["mean"] == pytest.approx(expected, abs=1e-9)
    # It clips, and so has become softer.
    assert score["mean"] < -0.5


def test_lufs_of_the_reference_itself_is_zero() -> None:
    r = rendering(level=0.005, error=0.0)
    assert LufsDifference().score(r)["mean"] == pytest.approx(0, abs=0.01)
    half = replace(r, output=0.5 * r.output)
    assert LufsDifference().score(half)["mean"] == pytest.approx(-6.02, abs=0.02)


def test_references_of_a_lower_rate_are_resampled_too() -> None:
    r = rendering(level=0.03)
    lower = resample(r.output_reference.numpy().T, RATE, 16_000)
    score = LufsDifference().score(
        replace(r, output_reference=torch.from_numpy(lower.T.copy()), sample_rate=16_000)
    )
    raised = resample(lower, 16_000, OUTPUT_RATE)
    meter = pyloudnorm.Meter(OUTPUT_RATE)
    expected = meter.integrated_loudness(r.output.numpy().T) - meter.integrated_loudness(raised)
    assert score["mean"] == pytest.approx(expected, abs=1e-9)
    found = haaqi_metric.resampled(lower[:, 0], 16_000)
    np.testing.assert_allclose(found, resample(lower[:, 0], 16_000, 24_000), atol=1e-12)


def test_lufs_of_silence_counts_as_minus_80() -> None:
    r = rendering()
    level = pyloudnorm.Meter(OUTPUT_RATE).integrated_loudness(
        resample(r.output_reference.numpy().T, RATE, OUTPUT_RATE)
    )
    silent = replace(r, output=torch.zeros_like(r.output))
    assert LufsDifference().score(silent)["mean"] == pytest.approx(-80 - level, abs=1e-9)


def test_clipping_is_pyclaritys_count() -> None:
    r = rendering(level=0.3)
    score = Clipping().score(r)
    resampled = resample(amplified(r.remix.numpy()).T, RATE, OUTPUT_RATE)
    for ear, name in enumerate(("left", "right")):
        _, clipped = clip_signal(resampled[:, ear])
        # Samples within the last step of 16 bit are at full scale and were not clipped.
        assert score[name] == pytest.approx(clipped / len(resampled), abs=2e-4)
        assert score[name] > 0.01
    assert score["mean"] == pytest.approx((score["left"] + score["right"]) / 2)


def test_clipping_counts_both_ends_of_the_scale() -> None:
    output = torch.tensor([[-1.0, 1 - 2**-15, 1.0, 0.0], [0.9999, -0.9999, 0.5, -1 + 2**-15]])
    score = Clipping().score(replace(rendering(0.1), output=output.double()))
    assert score == {"mean": 0.5, "left": 0.75, "right": 0.25}


def test_stems_are_judged_once_for_all_listeners(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[int] = []

    def counted(reference: Array, estimate: Array, sample_rate: int) -> Array:
        judged.append(sample_rate)
        return median_sdr(reference, estimate, sample_rate)

    monkeypatch.setattr(sdr_metric, "median_sdr", counted)
    metric, r = Sdr(), rendering()
    first = metric.score(r)
    again = metric.score(replace(r, stems=r.stems.clone(), remix=r.remix / 2))
    assert again == first
    assert len(judged) == 1
    # By content, not by place: one sample of the same tensor written over.
    r.stems[0, 0, 0] += 0.5
    assert metric.score(r) != first
    metric.score(replace(r, stems_reference=r.stems_reference.clone() * 0.5))
    assert len(judged) == 3


@pytest.mark.parametrize(
    "metric", [Haaqi(HaaqiOptions(unclipped=True)), Sdr(), LufsDifference(), Clipping()]
)
def test_scores_are_finite_and_the_specs_parts(metric: object) -> None:
    parts = {spec.target.split(":")[1]: spec.parts for spec in register_metrics()}
    score = metric.score(rendering())  # type: ignore[attr-defined]
    assert tuple(score) == parts[type(metric).__name__]
    assert all(np.isfinite(value) and isinstance(value, float) for value in score.values())


def test_the_built_in_metrics_are_registered() -> None:
    names = [spec.name for spec in register_metrics()]
    assert names == ["haaqi", "sdr", "lufs", "clipping", "haaqi-light"]


def test_how_the_built_in_metrics_are_shown_and_what_they_can_be() -> None:
    shown = {
        s.name: (s.unit, s.decimals, s.percent, s.higher_is_better, s.bounds)
        for s in register_metrics()
    }
    assert shown == {
        "haaqi": ("", 3, False, True, (0.0, 1.0)),
        "sdr": ("dB", 2, False, True, None),
        "lufs": ("LU", 2, False, None, None),
        "clipping": ("", 1, True, False, (0.0, 1.0)),
        "haaqi-light": ("", 3, False, True, (0.0, 1.0)),
    }
    assert [s.name for s in register_metrics() if s.reads_stems] == ["sdr"]


def test_references_of_a_minute_of_audio_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three of 20 s are kept, and a fourth takes the place of the first."""
    monkeypatch.setattr(haaqi_metric, "HaaqiReference", lambda *_, **__: object())
    generator = np.random.default_rng(0)
    cache = ReferenceCache()
    signals = [generator.standard_normal(2400) for _ in range(4)]
    # Called 120 Hz, each is of 20 s.
    kept = [cache.get(one, 120, LISTENER.audiogram_left, 80.0) for one in signals[:3]]
    for one, reference in zip(signals, kept, strict=False):
        assert cache.get(one, 120, LISTENER.audiogram_left, 80.0) is reference
    cache.get(signals[3], 120, LISTENER.audiogram_left, 80.0)
    assert cache.get(signals[1], 120, LISTENER.audiogram_left, 80.0) is kept[1]
    assert cache.get(signals[0], 120, LISTENER.audiogram_left, 80.0) is not kept[0]
