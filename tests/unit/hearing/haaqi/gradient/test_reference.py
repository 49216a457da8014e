"""The differentiable HAAQI against pyclarity: its value, its gradient, and what it is good for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
import torch
from clarity.evaluator.haaqi import compute_haaqi
from clarity.utils.audiogram import Audiogram
from numpy.typing import NDArray
from scipy import signal
from torch import Tensor

from bench.errors import BenchError
from bench.hearing.haaqi import parameters
from bench.hearing.haaqi.gradient import compiled as compiled
from bench.hearing.haaqi.gradient import ear as model
from bench.hearing.haaqi.gradient import stages as plain
from bench.hearing.haaqi.gradient.reference import DifferentiableHaaqi, UnscorableReference

Floats = NDArray[np.float64]
RATE = parameters.SAMPLE_RATE
LEVELS = {
    "normal": (0, 0, 0, 0, 0, 0),
    "mild": (20, 20, 25, 35, 45, 50),
    "moderate": (35, 35, 40, 50, 60, 65),
    "steep": (20, 20, 25, 55, 95, 95),
}


def music(seconds: float, seed: int = 0) -> Floats:
    """Decaying harmonic notes over a little noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    mix = 1e-3 * rng.standard_normal(time.size)
    for onset in np.arange(0, seconds, 0.12):
        pitch = 110 * 2 ** (rng.integers(0, 36) / 12)
        since = np.maximum(time - onset, 0)
        tone = sum(np.sin(2 * np.pi * pitch * h * since) / h for h in range(1, 9))
        mix += (time >= onset) * np.exp(-since / 0.2) * tone
    return 0.05 * mix


def level_of(reference: Floats) -> float:
    return float(65 - 20 * np.log10(np.sqrt(np.mean(reference**2))))


def noisy(x: Floats) -> Floats:
    return x + 0.02 * np.random.default_rng(1).standard_normal(x.size)


def clipped(x: Floats) -> Floats:
    return np.clip(x, -0.4 * np.abs(x).max(), 0.4 * np.abs(x).max())


def with_gap(x: Floats) -> Floats:
    gated = 0.4 * x
    gated[x.size // 3 : x.size // 2] = 0
    return gated


def with_bleed(x: Floats) -> Floats:
    return np.roll(x, 37) + 0.5 * music(x.size / RATE, seed=9)


def tilted(x: Floats) -> Floats:
    return signal.lfilter([1.0, -0.6], [1.0], x)


CASES: dict[str, tuple[Callable[[Floats], Floats], str]] = {
    "noisy": (noisy, "mild"),
    "clipped": (clipped, "normal"),
    "gap": (with_gap, "moderate"),
    "bleed": (with_bleed, "steep"),
    "tilted": (tilted, "mild"),
}


def pyclarity(
    reference: Floats, processed: Floats, levels: tuple[int, ...], level1: float, equalisation: int
) -> float:
    """pyclarity's score with the noise of seed 0; numpy's global generator is left as it was."""
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    frequencies = np.array(parameters.AUDIOGRAM_FREQUENCIES)
    try:
        return float(
            compute_haaqi(
                processed,
                reference,
                RATE,
                RATE,
                Audiogram(levels=np.array(levels), frequencies=frequencies),
                equalisation,
                level1,
            )
        )
    finally:
        np.random.set_state(before)  # noqa: NPY002


@pytest.fixture
def pyclarity_noise(monkeypatch: pytest.MonkeyPatch) -> Callable[[Floats], None]:
    """Makes the model use the noise that :func:`pyclarity` draws for a reference."""

    def use(reference: Floats) -> None:
        magnitude = np.abs(reference)
        audible = np.flatnonzero(magnitude > 0.001 * magnitude.max())
        shape = (2, parameters.CHANNELS // 8, 8, int(audible[-1] - audible[0]) + 1)
        draws = np.random.RandomState(0).standard_normal(shape)
        table = np.ascontiguousarray(draws.swapaxes(2, 3))
        monkeypatch.setattr(model, "threshold_noise", lambda: table)

    return use


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def score(
    reference: Floats,
    processed: Floats,
    levels: tuple[int, ...],
    level1: float,
    equalisation: int = 2,
    dtype: torch.dtype = torch.float64,
) -> tuple[float, Floats]:
    """The score, and its gradient by `processed`."""
    prepared = DifferentiableHaaqi(
        torch.tensor(reference, dtype=dtype)[None],
        [levels],
        RATE,
        level1,
        equalisation=equalisation,
    )
    leaf = torch.tensor(processed, dtype=dtype)[None].requires_grad_()
    value = prepared.score(leaf)
    value.sum().backward()
    assert leaf.grad is not None
    return float(value.detach()), leaf.grad[0].double().numpy()


# --- value ---------------------------------------------------------------------------------------


def check_value(
    case: str, seconds: float, equalisation: int, use: Callable[[Floats], None]
) -> None:
    change, loss = CASES[case]
    reference = music(seconds)
    processed, level1 = change(reference), level_of(reference)
    expected = pyclarity(reference, processed, LEVELS[loss], level1, equalisation)
    arguments = reference, processed, LEVELS[loss], level1, equalisation
    if case != "gap" and seconds >= 0.4:
        # Where a signal falls silent or is a few segments long, pyclarity's own scores spread
        # over seeds by 3e-4.
        assert score(*arguments, dtype=torch.float32)[0] == pytest.approx(expected, abs=1e-4)
    use(reference)
    assert score(*arguments)[0] == pytest.approx(expected, abs=1e-7)
    assert score(*arguments, dtype=torch.float32)[0] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("case", "equalisation"), [("noisy", 2), ("gap", 1)])
def test_value_is_pyclarity_s(
    case: str, equalisation: int, pyclarity_noise: Callable[[Floats], None]
) -> None:
    check_value(case, 0.4, equalisation, pyclarity_noise)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.05, 3.0])
@pytest.mark.parametrize("equalisation", [1, 2])
@pytest.mark.parametrize("case", CASES)
def test_value_is_pyclarity_s_in_every_case(
    case: str, equalisation: int, seconds: float, pyclarity_noise: Callable[[Floats], None]
) -> None:
    check_value(case, seconds, equalisation, pyclarity_noise)


@pytest.mark.parametrize("delay", [-700, 300])
def test_delayed_and_early_signals_are_aligned(
    delay: int, pyclarity_noise: Callable[[Floats], None]
) -> None:
    reference = music(0.3)
    processed = np.roll(noisy(reference), delay)
    level1 = level_of(reference)
    expected = pyclarity(reference, processed, LEVELS["mild"], level1, 2)
    pyclarity_noise(reference)
    assert score(reference, processed, LEVELS["mild"], level1)[0] == pytest.approx(
        expected, abs=1e-7
    )


def test_other_rates_are_resampled_as_the_official_scorer_does() -> None:
    reference = soxr.resample(music(0.5), RATE, 44_100)
    processed = clipped(reference)
    level1 = level_of(reference)
    at_24k = [soxr.resample(x, 44_100, RATE) for x in (reference, processed)]
    expected = pyclarity(at_24k[0], at_24k[1], LEVELS["mild"], level1, 2)
    x, y = (torch.tensor(v, dtype=torch.float32)[None] for v in (reference, processed))
    found = DifferentiableHaaqi(x, [LEVELS["mild"]], 44_100, level1).score(y)
    assert float(found) == pytest.approx(expected, abs=1e-4)


@pytest.mark.slow
def test_real_music_scores_as_pyclarity_has_it(real_data: Path) -> None:
    songs = sorted((real_data / "music").rglob("mixture.*"))
    assert songs
    for path in songs[:4]:
        samples, rate = soundfile.read(path, always_2d=True)
        middle = samples.shape[0] // 2
        stereo = soxr.resample(samples[middle : middle + 4 * rate], rate, RATE)
        reference = stereo[:, 0]
        processed = 0.7 * reference + 0.3 * stereo[:, 1]
        level1 = level_of(reference)
        expected = pyclarity(reference, processed, LEVELS["mild"], level1, 1)
        value, _ = score(reference, processed, LEVELS["mild"], level1, 1, torch.float32)
        assert value == pytest.approx(expected, abs=1e-4), path.parent.name


# --- gradient ------------------------------------------------------------------------------------


def directions(processed: Floats, reference: Floats, gradient: Floats) -> Iterator[Floats]:
    """Twelve directions of unit norm: random ones, and those of gains and equalisers."""
    rng = np.random.default_rng(5)
    yield from (rng.standard_normal(processed.size) for _ in range(4))
    yield from (processed, reference, gradient, tilted(processed))
    yield signal.lfilter(np.ones(50) / 50, [1.0], rng.standard_normal(processed.size))
    for low, high in ((100, 400), (500, 1500), (2000, 5000)):
        band = signal.butter(2, (low, high), "bandpass", fs=RATE, output="sos")
        yield signal.sosfilt(band, processed)


def check_gradient(case: str, seconds: float, count: int, use: Callable[[Floats], None]) -> None:
    """The gradient against central differences of pyclarity, nothing in which is held constant.

    A step changes the score by 1e-5 at most: more would cross corners of the model. Rounding
    changes pyclarity's score by up to 1e-10, and so a difference by 1e-5 of the gradient's norm.
    """
    change, loss = CASES[case]
    reference = music(seconds)
    processed, level1 = change(reference), level_of(reference)
    use(reference)
    arguments = reference, processed, LEVELS[loss], level1
    _, gradient = score(*arguments)
    _, single = score(*arguments, dtype=torch.float32)
    norm = np.linalg.norm(gradient)
    assert norm > 0
    assert np.linalg.norm(single - gradient) < 1e-3 * norm
    step = 1e-5 / norm
    for direction in list(directions(processed, reference, gradient))[-count:]:
        unit = direction / np.linalg.norm(direction)
        up, down = (
            pyclarity(reference, processed + sign * step * unit, LEVELS[loss], level1, 2)
            for sign in (1, -1)
        )
        assert gradient @ unit == pytest.approx((up - down) / (2 * step), abs=3e-5 * norm)


def test_gradient_is_pyclarity_s(pyclarity_noise: Callable[[Floats], None]) -> None:
    check_gradient("noisy", 0.2, 3, pyclarity_noise)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_gradient_is_pyclarity_s_in_every_case(
    case: str, pyclarity_noise: Callable[[Floats], None]
) -> None:
    check_gradient(case, 0.5, 12, pyclarity_noise)


def test_scores_of_a_batch_are_those_of_its_ears() -> None:
    reference = torch.tensor(np.stack((music(0.2), music(0.2, 3)))).float()
    processed = (0.8 * reference).requires_grad_()
    levels, level1 = [LEVELS["mild"], LEVELS["steep"]], [80.0, 90.0]
    scores = DifferentiableHaaqi(reference, levels, RATE, level1).score(processed)
    (gradient,) = torch.autograd.grad((torch.tensor([1.0, -3.0]) * scores).sum(), processed)
    for i, factor in enumerate((1.0, -3.0)):
        alone = DifferentiableHaaqi(reference[i : i + 1], levels[i : i + 1], RATE, level1[i])
        leaf = processed[i : i + 1].detach().requires_grad_()
        value = alone.score(leaf)
        assert torch.equal(value, scores[i : i + 1])
        assert torch.equal(alone.score(leaf.detach()), value.detach())
        (expected,) = torch.autograd.grad(value.sum(), leaf)
        torch.testing.assert_close(gradient[i : i + 1], factor * expected)


# --- the two implementations ---------------------------------------------------------------------


def run_stage(
    module: ModuleType, stage: str, inputs: Sequence[Any]
) -> tuple[list[Tensor], list[Tensor | None]]:
    """A stage's outputs, and the gradients of a random projection of them by its inputs."""
    leaves = [
        x.clone().requires_grad_() if isinstance(x, Tensor) and x.is_floating_point() else x
        for x in inputs
    ]
    result = getattr(module, stage)(*leaves)
    outputs = [result] if isinstance(result, Tensor) else list(result)
    generator = torch.Generator().manual_seed(1)
    total = torch.zeros((), dtype=torch.float64)
    for output in outputs:
        weights = torch.randn(output.shape, generator=generator, dtype=output.dtype)
        total = total + (weights * output).sum() if output.requires_grad else total
    wanted = [x for x in leaves if isinstance(x, Tensor) and x.requires_grad]
    gradients = torch.autograd.grad(total, wanted, allow_unused=True)
    return [output.detach() for output in outputs], list(gradients)


def stage_inputs(stage: str) -> tuple[Any, ...]:
    generator = torch.Generator().manual_seed(0)
    samples = 3000

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    if stage == "gammatone":
        bandwidth = plain.grouped(0.7 * parameters.control_bandwidth())
        return 0.1 * normal(samples), bandwidth, torch.float64
    if stage == "compress":
        # A silent stretch, and levels on both sides of both knees.
        control = normal(2, 4, samples, 8) * 10 ** normal(samples, 1)
        control[:, :, 500:700] = 0
        curve = torch.tensor([-3.0, 0.3, -2.0, 4.0], dtype=torch.float64)
        z = normal(2, 4, samples, 8)
        z[:, :, 600:800] = 0
        return control, z, curve[:, None, None].expand(4, 4, 8).contiguous()
    if stage == "adapt":
        compressed = normal(2, 4, samples, 8)
        compressed[0] = compressed[0].abs()
        compressed[0, :, 400:600] = 0
        lags = torch.randint(-60, 60, (2, 4, 8), generator=generator)
        delays = torch.randint(0, 99, (4, 8), generator=generator)
        threshold = torch.full((4, 8), -1.0, dtype=torch.float64)
        return compressed, lags, delays, threshold, normal(4, 500, 8), 0.01
    x = normal(4, samples, 8)
    return x, torch.roll(x, 5, 1) + normal(4, samples, 8)


@pytest.mark.parametrize(
    ("stage", "signals"), [("gammatone", 2), ("compress", 2), ("adapt", 1), ("covariance", 1)]
)
def test_compiled_stages_are_the_plain_ones(stage: str, signals: int) -> None:
    inputs = stage_inputs(stage)
    outputs, gradients = run_stage(plain, stage, inputs)
    found, found_gradients = run_stage(compiled, stage, inputs)
    torch.testing.assert_close(found, outputs, rtol=1e-8, atol=1e-8)
    # The compiled stages have no gradient by what is constant in the model.
    pairs = [
        (value, expected)
        for value, expected in zip(found_gradients, gradients, strict=True)
        if value is not None
    ]
    assert len(pairs) == signals
    for value, expected in pairs:
        assert expected is not None
        scale = expected.abs().max()
        assert scale > 0
        torch.testing.assert_close(value / scale, expected / scale, rtol=0, atol=1e-8)


def test_plain_stages_give_the_same_score_and_gradient() -> None:
    reference = torch.tensor(music(0.3))
    results = []
    for stages in (plain, compiled):
        leaf = torch.tensor(noisy(reference.numpy())).float().double().requires_grad_()
        ear = model.EarModel(
            reference, np.array(LEVELS["mild"]), 80.0, 2, torch.float32, stages=stages
        )
        value = ear.score(leaf)
        results.append((float(value.detach()), torch.autograd.grad(value, leaf)[0]))
    assert results[0][0] == pytest.approx(results[1][0], abs=1e-6)
    assert (results[0][1] - results[1][1]).norm() < 1e-3 * results[1][1].norm()


# --- borders -------------------------------------------------------------------------------------


def test_silence_has_a_finite_score_and_no_gradient() -> None:
    reference = music(0.3)
    arguments = reference, np.zeros_like(reference), LEVELS["mild"], level_of(reference)
    value, gradient = score(*arguments, dtype=torch.float32)
    assert 0 <= value < 0.2
    assert not gradient.any()


def test_silence_scores_as_in_pyclarity(pyclarity_noise: Callable[[Floats], None]) -> None:
    reference = music(0.3)
    silence = np.zeros_like(reference)
    level1 = level_of(reference)
    with np.errstate(divide="ignore"):
        expected = pyclarity(reference, silence, LEVELS["mild"], level1, 2)
    pyclarity_noise(reference)
    assert score(reference, silence, LEVELS["mild"], level1)[0] == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("tail", [1, 100])
def test_silent_gaps_do_not_slow_the_filters_down(tail: int) -> None:
    # Subnormal numbers in the filters' states would: see the state after a long silence.
    x = torch.zeros(20_000, dtype=torch.float64)
    x[:tail] = 1.0
    bandwidth = plain.grouped(parameters.control_bandwidth())
    z, _ = compiled.gammatone(x, bandwidth, torch.float64)
    late = z[:, :, -100:].abs()
    assert bool((late >= torch.finfo(torch.float64).tiny).all())
    assert bool((late < 1e-80).all())


@pytest.mark.parametrize("samples", [0, 300])
def test_a_reference_without_enough_sound_cannot_be_scored(samples: int) -> None:
    reference = torch.zeros(1, 6000)
    reference[0, 1000 : 1000 + samples] = 0.1
    with pytest.raises(UnscorableReference, match="16 ms"):
        DifferentiableHaaqi(reference, [LEVELS["mild"]], RATE, 80.0)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_is_refused(bad: float) -> None:
    reference = torch.tensor(music(0.1)).float()[None]
    broken = reference.clone()
    broken[0, 5] = bad
    with pytest.raises(BenchError, match="NaN or infinite"):
        DifferentiableHaaqi(broken, [LEVELS["mild"]], RATE, 80.0)
    with pytest.raises(BenchError, match="NaN or infinite"):
        DifferentiableHaaqi(reference, [LEVELS["mild"]], RATE, 80.0).score(broken)


def test_shapes_that_do_not_fit_are_refused() -> None:
    reference = torch.tensor(music(0.1)).float()[None]
    with pytest.raises(BenchError, match="do not match"):
        DifferentiableHaaqi(reference, [LEVELS["mild"][:5]], RATE, 80.0)
    with pytest.raises(BenchError, match="does not match reference"):
        DifferentiableHaaqi(reference, [LEVELS["mild"]], RATE, 80.0).score(reference[:, 1:])


# --- what it is for ------------------------------------------------------------------------------


def sdr(reference: Floats, processed: Floats) -> float:
    return float(10 * np.log10(np.sum(reference**2) / np.sum((processed - reference) ** 2)))


def test_climbing_the_gains_of_an_equaliser_raises_true_haaqi_and_sdr() -> None:
    reference = music(0.6)
    level1, levels = level_of(reference), LEVELS["mild"]
    edges = (0, 300, 700, 1500, 3000, RATE / 2)
    frequency = np.fft.rfftfreq(reference.size, 1 / RATE)
    parts = np.stack(
        [
            np.fft.irfft(np.fft.rfft(reference) * ((frequency >= low) & (frequency < high)))
            for low, high in pairwise(edges)
        ]
    )
    bands = torch.tensor(parts).float()
    detuned = torch.tensor([6.0, -10.0, 8.0, -12.0, 5.0])  # dB
    correction = torch.zeros(5, requires_grad=True)
    objective = DifferentiableHaaqi(torch.tensor(reference).float()[None], [levels], RATE, level1)
    optimiser = torch.optim.Adam([correction], lr=1.5)

    def equalised() -> Tensor:
        return (10 ** ((detuned + correction) / 20)) @ bands

    before = equalised().detach().double().numpy()
    for _ in range(12):
        optimiser.zero_grad()
        (-objective.score(equalised()[None])).sum().backward()
        optimiser.step()
    after = equalised().detach().double().numpy()
    assert pyclarity(reference, after, levels, level1, 2) > 0.1 + pyclarity(
        reference, before, levels, level1, 2
    )
    assert sdr(reference, after) > 3 + sdr(reference, before)


@pytest.mark.slow
def test_climbing_a_free_waveform_raises_true_haaqi_and_not_sdr() -> None:
    # What the module warns of: should this fail one day, its warning has to be measured again.
    reference = music(1.0)
    level1, levels = level_of(reference), LEVELS["mild"]
    noise = 0.5 * np.std(reference) * np.random.default_rng(0).standard_normal(reference.size)
    objective = DifferentiableHaaqi(torch.tensor(reference).float()[None], [levels], RATE, level1)
    waveform = torch.tensor(reference + noise).float()[None].requires_grad_()
    optimiser = torch.optim.Adam([waveform], lr=2e-4)
    for _ in range(40):
        optimiser.zero_grad()
        (-objective.score(waveform)).sum().backward()
        optimiser.step()
    after = waveform.detach()[0].double().numpy()
    assert pyclarity(reference, after, levels, level1, 2) > 0.3 + pyclarity(
        reference, reference + noise, levels, level1, 2
    )
    assert abs(sdr(reference, after) - sdr(reference, reference + noise)) < 1


def test_mixed_precision_is_kept_out() -> None:
    reference = torch.tensor(music(0.2)).float()[None]
    processed = 0.8 * reference
    expected = DifferentiableHaaqi(reference, [LEVELS["mild"]], RATE, 85.0).score(processed)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = DifferentiableHaaqi(reference, [LEVELS["mild"]], RATE, 85.0).score(processed)
    assert torch.equal(found, expected)
