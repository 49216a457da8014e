"""The search for an output stage: better by the exact HAAQI, within what loudness may be lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from clarity.evaluator.haaqi import compute_haaqi
from clarity.utils.audiogram import Audiogram
from torch import Tensor

from bench.hearing.fitting.loudness_loss import clipped_loudness
from bench.hearing.fitting.search import Search, search_stage
from bench.hearing.fitting.stage import NALR_ALONE, OutputStage
from bench.testing.material import music

RATE = 44_100
LEVELS = torch.tensor([10.0, 15.0, 30.0, 55.0, 70.0, 75.0], dtype=torch.float64)
LEVEL1 = 85.0
SEARCH = Search(steps=3, bands=10, rate=1.5, start=-3.0, threshold=-3.0)


@pytest.fixture(scope="module")
def loud() -> Tensor:
    """An ear's NAL-R output as of a steep loss: its treble lies far above full scale."""
    ear = music(1, 2 * RATE)[0].sum(0)[0].double()
    treble = torch.cat([ear.new_zeros(1), ear.diff()])
    return 3 * ear + 30 * treble


def official(output: Tensor, reference: Tensor) -> float:
    audiogram = Audiogram(LEVELS.numpy(), np.array([250, 500, 1000, 2000, 4000, 6000]))
    np.random.seed(0)  # noqa: NPY002
    return float(
        compute_haaqi(
            output.clamp(-1, 1).numpy(), reference.numpy(), RATE, RATE, audiogram, 2, LEVEL1
        )
    )


def test_it_is_better_by_the_official_index(loud: Tensor) -> None:
    stage = search_stage([loud], LEVEL1, LEVELS, RATE, SEARCH)
    before, after = (official(one(loud, RATE), loud) for one in (NALR_ALONE, stage))
    assert after > before + 0.1
    # Each step helps.
    assert stage.gains is not None
    first = OutputStage(torch.full((10,), -3.0), torch.full((4,), -3.0))
    assert after > official(first(loud, RATE), loud)


def test_it_keeps_the_loudness(loud: Tensor) -> None:
    free = search_stage([loud], LEVEL1, LEVELS, RATE, replace(SEARCH, start=-15.0))
    held = search_stage(
        [loud], LEVEL1, LEVELS, RATE, replace(SEARCH, start=-15.0, max_loudness_loss=2.0)
    )
    plain = clipped_loudness(loud, RATE)
    lost = [plain - clipped_loudness(stage(loud, RATE), RATE) for stage in (free, held)]
    assert lost[0] > 5.0
    assert lost[1] < 2.1


def test_nothing_is_done_where_nothing_clips(loud: Tensor) -> None:
    quiet = loud / float(loud.abs().max())
    assert search_stage([quiet], LEVEL1, LEVELS, RATE, SEARCH) is NALR_ALONE
    assert search_stage([0 * loud], LEVEL1, LEVELS, RATE, SEARCH) is NALR_ALONE


def test_nalr_alone_is_kept_where_nothing_is_better(loud: Tensor) -> None:
    worse = replace(SEARCH, steps=1, start=-60.0, threshold=None)
    assert search_stage([loud], LEVEL1, LEVELS, RATE, worse) is NALR_ALONE


def test_it_finds_the_same_in_inference_mode_and_from_a_silent_excerpt_too(loud: Tensor) -> None:
    one = replace(SEARCH, steps=1)
    first = search_stage([loud], LEVEL1, LEVELS, RATE, one)
    with torch.inference_mode():
        inside = loud * 1.0
        again = search_stage([inside, torch.zeros(RATE)], LEVEL1, LEVELS, RATE, one)
    assert first.gains is not None
    assert again.gains is not None
    assert torch.equal(first.gains, again.gains)
