"""Stems that are silent or nearly so have no SDR, and say why."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyloudnorm
import pytest
import torch

from bench.api import Rendering
from bench.builtin.metrics.sdr import Sdr
from bench.errors import NoValueError

RATE = 44_100


def rendering(levels: list[float], seconds: float = 2.0) -> Rendering:
    """Stems of noise at the given LUFS, by pyloudnorm, separated with an error of a tenth."""
    rng = np.random.default_rng(0)
    samples = round(seconds * RATE)
    clean = 0.1 * rng.standard_normal((4, 2, samples))
    meter = pyloudnorm.Meter(RATE)
    for stem, level in zip(clean, levels, strict=True):
        measured = meter.integrated_loudness(stem.T) if seconds >= 0.4 else -17.0
        stem *= 10 ** ((level - measured) / 20)
    found = clean * (1 + 0.1 * rng.standard_normal(clean.shape))
    plain = SimpleNamespace(
        stems=torch.from_numpy(found.astype(np.float32)),
        stems_reference=torch.from_numpy(clean.astype(np.float32)),
        sample_rate=RATE,
    )
    return cast(Rendering, plain)


def expected(r: Rendering, stem: int) -> float:
    """The median over whole seconds of 10 log10 of signal over error."""
    clean, found = (x[stem].double().numpy() for x in (r.stems_reference, r.stems))
    values = []
    for start in range(0, clean.shape[1] - RATE + 1, RATE):
        part = slice(start, start + RATE)
        error = found[:, part] - clean[:, part]
        values.append(10 * np.log10((clean[:, part] ** 2).sum() / (error**2).sum()))
    return float(np.median(values))


def test_a_stem_below_minus_60_lufs_has_no_value_and_says_why() -> None:
    r = rendering([-20.0, -59.5, -60.5, -30.0])
    score = Sdr().score(r)
    assert list(score) == ["mean", "vocals", "drums", "other"]
    assert score.reasons == {"bass": "the stem is nearly silent: -60.5 LUFS"}
    stems = [expected(r, stem) for stem in (0, 1, 3)]
    assert [score[name] for name in ("vocals", "drums", "other")] == pytest.approx(stems, abs=1e-6)
    assert score["mean"] == pytest.approx(np.mean(stems), abs=1e-6)


def test_a_stem_below_the_gate_of_the_measure_is_nearly_silent_too() -> None:
    score = Sdr().score(rendering([-20.0, -20.0, -85.0, -20.0]))
    assert score.reasons == {"bass": "the stem is nearly silent: below -70 LUFS"}
    assert "bass" not in score


def test_what_a_separator_does_to_a_nearly_silent_stem_does_not_matter() -> None:
    """Neither an estimate at -82 dB of SDR nor one that is silent."""
    r = rendering([-20.0, -20.0, -65.0, -20.0])
    plain = Sdr().score(r)
    for bad in (1e4 * r.stems[2], torch.zeros_like(r.stems[2])):
        stems = r.stems.clone()
        stems[2] = bad
        changed = SimpleNamespace(
            stems=stems, stems_reference=r.stems_reference, sample_rate=r.sample_rate
        )
        assert Sdr().score(cast(Any, changed)) == plain


def test_all_stems_nearly_silent_is_no_value() -> None:
    with pytest.raises(NoValueError, match="silent or below -60 LUFS"):
        Sdr().score(rendering([-70.0, -65.0, -61.0, -80.0]))


def test_a_silent_stem_and_a_perfect_one_say_why() -> None:
    r = rendering([-20.0] * 4)
    r.stems_reference[1] = 0
    r.stems[3] = r.stems_reference[3]
    score = Sdr().score(r)
    assert list(score) == ["vocals", "bass"]
    assert score.reasons["drums"] == "the stem is silent"
    assert "infinite" in score.reasons["other"]
    assert score.reasons["mean"] == "the SDR of other is infinite"


def test_of_a_signal_too_short_for_a_loudness_only_silence_counts() -> None:
    score = Sdr().score(rendering([-20.0, -75.0, -20.0, -20.0], seconds=0.3))
    assert set(score) == {"mean", "vocals", "drums", "bass", "other"}
    assert score.reasons == {}
