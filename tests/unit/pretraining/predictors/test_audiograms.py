"""Audiograms that labels are drawn for."""

from __future__ import annotations

import numpy as np
import pytest

from bench.pretraining.predictors import audiograms as listeners


@pytest.mark.parametrize("unseen", [False, True])
def test_audiograms_are_plausible(unseen: bool) -> None:
    rng = np.random.default_rng(0)
    drawn = np.stack([listeners.draw_audiogram(rng, unseen) for _ in range(300)])
    assert drawn.shape == (300, 8)
    assert (drawn >= -10).all()
    assert (drawn <= 110).all()
    assert (drawn % 5 == 0).all()
    assert len(np.unique(drawn, axis=0)) > 280
    # From about normal to severe.
    average = drawn[:, [1, 2, 3, 5]].mean(-1)
    assert average.min() < 20
    assert average.max() > (45 if unseen else 80)
