"""The cochlea of HAAQI light against pyclarity's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from clarity.evaluator.haspi import eb

from bench.hearing.haaqi_light.cochlea import Cochlea, centre_frequencies
from tests.helpers.chords import SLOPING


def test_centre_frequencies_are_haaqis() -> None:
    np.testing.assert_allclose(centre_frequencies(), eb.center_frequency(32), rtol=1e-10)


@pytest.mark.parametrize("levels", [(0,) * 8, SLOPING, (90, 95, 105, 105, 105, 105, 105, 105)])
def test_hearing_loss_becomes_haaqis_parameters(levels: tuple[float, ...]) -> None:
    known = np.array(levels)[[0, 1, 2, 3, 5, 6]]
    outer, bandwidth, knee, ratio, inner = eb.loss_parameters(known, eb.center_frequency(32))
    ears = Cochlea()._ears(torch.tensor([levels]).float())
    for ours, theirs in (
        (ears.ohc_attenuation, outer),
        (ears.ihc_attenuation, inner),
        (ears.bandwidth, bandwidth),
        (ears.knee, knee),
        (ears.ratio, ratio),
    ):
        np.testing.assert_allclose(ours[0, :, 0], theirs, rtol=1e-4, atol=1e-3)
