"""The filter banks and the compression beside pyclarity's."""

from __future__ import annotations

import numpy as np
import pytest
from clarity.evaluator.haspi import eb

from bench.hearing.haaqi import parameters
from bench.hearing.haaqi.exact import gammatone as filterbank
from bench.hearing.simd.vector import LANES, aligned

CENTRES = eb.center_frequency(32)


@pytest.mark.parametrize("channel", [0, 7, 20, 31])
def test_the_filter_banks_and_the_compression(channel: int) -> None:
    signal = 0.1 * np.random.default_rng(channel).standard_normal(9600)
    ear = parameters.cochlea([20, 30, 40, 50, 60, 70])
    bandwidth = 1.1 * ear.bandwidth
    wide = parameters.control_bandwidth()
    centre = CENTRES[channel]
    control, _, envelope, motion = eb.gammatone_basilar_membrane(
        signal, wide[channel], signal, bandwidth[channel], 24_000.0, centre
    )
    loss = ear.ohc_attenuation[channel], ear.knee[channel], ear.ratio[channel]
    expected = eb.env_compress_basilar_membrane(envelope, motion, control, *loss, 24_000.0, 65.0)
    rows = filterbank.cochlea_coefficients(ear, bandwidth, 65.0)
    group, lane = divmod(channel, LANES)
    found = aligned(signal.size), aligned(signal.size)
    state = filterbank.initial_state()
    for start, stop in ((0, 5000), (5000, 9600)):
        filterbank.cochlea_block(signal, start, stop, rows[group], state, *found, start)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours[:, lane] == pytest.approx(theirs, abs=1e-12 * np.abs(theirs).max())
