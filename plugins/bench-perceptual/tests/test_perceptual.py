"""The metrics against pyclarity called by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import soxr
import torch
from clarity.evaluator.haspi import haspi_v2
from clarity.evaluator.hasqi import hasqi_v2
from clarity.utils.audiogram import Audiogram, Listener

from bench.api import MetricSpec, Rendering, Scene
from bench.plugins import installed
from bench.testing import conformance

RATE, OUTPUT_RATE = 44_100, 32_000
LISTENER = Listener(
    Audiogram(np.array([20, 20, 25, 35, 40, 45, 50, 50])),
    Audiogram(np.array([35, 35, 40, 50, 55, 60, 65, 65])),
    "L1",
)

test_hasqi_conforms = conformance("metric", "bench-perceptual/hasqi")
test_haspi_conforms = conformance("metric", "bench-perceptual/haspi")


def rendering(seconds: float = 0.6) -> Rendering:
    """Modulated noise in two ears; the amplified signals are louder, shaped and later."""
    generator = np.random.default_rng(0)
    time = np.arange(round(seconds * RATE)) / RATE
    beats = 1 + np.sin(2 * np.pi * np.array([[3.0], [5.0]]) * time)
    clean = 0.05 * generator.standard_normal((2, len(time))) * beats
    noisy = clean + 0.02 * generator.standard_normal(clean.shape)

    def amplify(signal: np.ndarray) -> np.ndarray:
        taps = np.zeros(221)
        taps[110], taps[111] = 2.0, -1.0
        return np.stack([np.convolve(ear, taps) for ear in signal])

    output = soxr.resample(amplify(noisy).T, RATE, OUTPUT_RATE, quality="HQ").T
    nothing = torch.zeros(4, 2, 0)
    scene = Scene("s1", "song", "hlp", (0, 0, 0, 0), ("L1",), audio=None)  # type: ignore[arg-type]
    return Rendering(
        scene=scene,
        listener=LISTENER,
        stems=nothing,
        stems_reference=nothing,
        remix=torch.from_numpy(noisy),
        remix_reference=torch.from_numpy(clean),
        output=torch.from_numpy(output.copy()),
        output_reference=torch.from_numpy(amplify(clean)),
        gains=torch.zeros(4),
        sample_rate=RATE,
        output_rate=OUTPUT_RATE,
    )


def metric(name: str) -> Any:
    return installed().get(MetricSpec, f"bench-perceptual/{name}").build(None)


def by_pyclarity(name: str, r: Rendering) -> list[float]:
    scores = []
    for ear, audiogram in enumerate((LISTENER.audiogram_left, LISTENER.audiogram_right)):
        remix = r.remix_reference[ear].numpy()
        level1 = 65 - 20 * np.log10(np.sqrt(np.mean(remix**2)))
        output = soxr.resample(r.output[ear].numpy(), OUTPUT_RATE, 24_000, quality="HQ")
        np.random.seed(1)  # noqa: NPY002
        if name == "hasqi":
            clean = soxr.resample(r.output_reference[ear].numpy(), RATE, 24_000, quality="HQ")
            found = hasqi_v2(
                clean, 24_000, output, 24_000, audiogram, equalisation=2, level1=level1
            )
        else:
            clean = soxr.resample(remix, RATE, 24_000, quality="HQ")
            found = haspi_v2(clean, 24_000, output, 24_000, audiogram, level1=level1)
        scores.append(float(found[0]))
    return scores


@pytest.mark.parametrize(("name", "tolerance"), [("hasqi", 1e-4), ("haspi", 1e-2)])
def test_is_pyclaritys(name: str, tolerance: float) -> None:
    r = rendering()
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    score = metric(name).score(r)
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert list(score) == ["mean", "left", "right"]
    left, right = by_pyclarity(name, r)
    assert 0.02 < left < 0.99
    assert abs(left - right) > 5 * tolerance
    # Apart by the draw of the noise alone.
    assert score["left"] == pytest.approx(left, abs=tolerance)
    assert score["right"] == pytest.approx(right, abs=tolerance)
    assert score["mean"] == pytest.approx((left + right) / 2, abs=tolerance)
    assert metric(name).score(r) == score


@pytest.mark.parametrize("name", ["hasqi", "haspi"])
def test_more_noise_is_worse(name: str) -> None:
    r = rendering(0.4)
    noise = torch.randn(r.output.shape, generator=torch.Generator().manual_seed(0))
    worse = metric(name).score(replace(r, output=r.output + 0.2 * noise))
    assert worse["mean"] < metric(name).score(r)["mean"]


@pytest.mark.parametrize("name", ["hasqi", "haspi"])
@pytest.mark.parametrize("what", ["remix_reference", "output"])
def test_silence_has_no_score(name: str, what: str) -> None:
    r = rendering(0.2)
    silent = getattr(r, what).clone()
    silent[1] = 0
    with pytest.raises(ValueError, match="right ear"):
        metric(name).score(replace(r, **{what: silent}))


def test_too_short_has_no_score() -> None:
    with pytest.raises(ValueError, match="too short"):
        metric("hasqi").score(rendering(0.05))
