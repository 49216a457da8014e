"""Loudness, SDR and the prescriptions beside their peers, each pair in one group of one run.

Every benchmark checks what it computed; the ratios are read from the table.
"""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pyloudnorm
import pytest
import torch
from clarity.enhancer.compressor import Compressor
from clarity.enhancer.nalr import NALR
from clarity.utils.audiogram import Audiogram, Listener
from numpy.typing import NDArray

from bench.builtin.prescriptions import NalrCompressorOptions
from bench.builtin.prescriptions.nalr import Nalr
from bench.builtin.prescriptions.nalr_compressor import NalrCompressor
from bench.hearing.loudness import differentiable_loudness, integrated_loudness
from bench.hearing.sdr import framewise_sdr

pytestmark = pytest.mark.benchmark

RATE = 44_100
LISTENER = Listener(Audiogram(np.full(8, 35.0)), Audiogram(np.full(8, 55.0)), "L")
Array = NDArray[np.float64]


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def stems(seconds: float) -> Array:
    return 0.1 * np.random.default_rng(0).standard_normal((4, 2, round(seconds * RATE)))


def loudness_by_pyloudnorm(signals: list[Array]) -> list[float]:
    meter = pyloudnorm.Meter(RATE)
    return [float(meter.integrated_loudness(signal)) for signal in signals]


@pytest.mark.parametrize("seconds", [5, 10])
@pytest.mark.parametrize("who", ["pyloudnorm", "bench"])
def test_loudness_of_four_stems(benchmark: Any, who: str, seconds: int) -> None:
    benchmark.group = f"integrated loudness, 4 stems of {seconds} s"
    signals = stems(seconds)
    by_samples = [np.ascontiguousarray(stem.T) for stem in signals]
    expected = loudness_by_pyloudnorm(by_samples)
    integrated_loudness(signals[..., :RATE], RATE)  # compiles
    if who == "bench":
        found = benchmark(integrated_loudness, signals, RATE)
    else:
        found = benchmark(loudness_by_pyloudnorm, by_samples)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_loudness_and_its_gradient(benchmark: Any) -> None:
    benchmark.group = "integrated loudness, 4 stems of 5 s"
    signals = torch.from_numpy(stems(5)).float().requires_grad_()

    def forward_and_backward() -> torch.Tensor:
        signals.grad = None
        level = differentiable_loudness(signals, RATE)
        level.sum().backward()
        return level.detach()

    forward_and_backward()  # compiles
    level = benchmark(forward_and_backward)
    expected = loudness_by_pyloudnorm([stem.T for stem in stems(5)])
    np.testing.assert_allclose(level, expected, atol=1e-4)
    assert signals.grad is not None


@pytest.mark.parametrize("who", ["museval", "bench"])
def test_sdr_of_two_stems(benchmark: Any, museval_metrics: ModuleType, who: str) -> None:
    benchmark.group = "SDR in windows of 1 s, 2 stems of 3 s"
    # museval's cost grows with the cube of the number of stems: four take it minutes.
    clean = stems(3)[:2]
    found = clean + 0.02 * np.random.default_rng(1).standard_normal(clean.shape)
    if who == "bench":
        sdr = benchmark(framewise_sdr, clean, found, RATE)
    else:
        arrays = [np.ascontiguousarray(x.transpose(0, 2, 1)) for x in (clean, found)]
        sdr = benchmark.pedantic(
            lambda: museval_metrics.bss_eval(*arrays, window=RATE, hop=RATE)[0], rounds=1
        )
    # Noise of 0.02 under stems of 0.1.
    np.testing.assert_allclose(sdr, 20 * np.log10(5), atol=0.1)


def nalr_by_pyclarity(signal: Array, compressor: Compressor | None = None) -> Array:
    enhancer = NALR(nfir=220, sample_rate=RATE)
    audiograms = (LISTENER.audiogram_left, LISTENER.audiogram_right)
    ears = [
        enhancer.apply(enhancer.build(a)[0], x) for a, x in zip(audiograms, signal, strict=True)
    ]
    return np.stack(ears if compressor is None else [compressor.process(x)[0] for x in ears])


@pytest.mark.parametrize("compress", [False, True], ids=["nalr", "nalr-compressor"])
@pytest.mark.parametrize("who", ["pyclarity", "bench"])
def test_prescription(benchmark: Any, who: str, compress: bool) -> None:
    benchmark.group = f"NAL-R{' and compressor' if compress else ''}, 2 ears of 10 s"
    signal = stems(10)[0]
    compressor = None
    ours: Nalr | NalrCompressor = Nalr()
    if compress:
        compressor = Compressor(
            fs=RATE,
            threshold=0.35,
            attenuation=0.1,
            attack=50,
            release=1000,
            rms_buffer_size=0.064,
        )
        ours = NalrCompressor(NalrCompressorOptions())
    batch = torch.from_numpy(signal)[None]
    ours.amplify(batch[..., :RATE], [LISTENER], RATE)  # compiles
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if who == "bench":
            found = benchmark(lambda: ours.amplify(batch, [LISTENER], RATE)[0].numpy())
        else:
            found = benchmark.pedantic(nalr_by_pyclarity, (signal, compressor), rounds=2)
    np.testing.assert_allclose(found, nalr_by_pyclarity(signal, compressor), rtol=0, atol=1e-9)
