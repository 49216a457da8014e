"""Resampling to HAAQI's rate beside pyclarity's."""

from __future__ import annotations

import numpy as np
import pytest
from clarity.evaluator.haspi import eb

from bench.hearing.haaqi.exact.resampling import to_model_rate


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000])
def test_resampling(rate: int) -> None:
    signal = np.random.default_rng(rate).standard_normal(rate // 10)
    expected, _ = eb.resample_24khz(signal, rate)
    assert to_model_rate(signal, rate) == pytest.approx(expected, abs=1e-12)


def test_silence_is_resampled_to_silence() -> None:
    assert np.array_equal(to_model_rate(np.zeros(4410), 44_100), np.zeros(2406))
    assert to_model_rate(np.zeros(4410), 44_100).size == to_model_rate(np.ones(4410), 44_100).size
