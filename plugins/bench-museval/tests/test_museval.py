"""The metrics against museval.evaluate."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from bench_museval import MEASURES, MusevalOptions, metrics

from bench.api import STEMS, MetricSpec, Rendering, Scene
from bench.plugins import installed
from bench.testing import conformance

RATE = 1000
"""Hz: a score depends on samples a frame only, and museval takes its time."""

# The four share all but the name of the measure.
test_conformance = conformance("metric", "bench-museval/museval-sir")


@pytest.fixture(scope="module")
def museval() -> ModuleType:
    """The package, whose reader of MUSDB18 wants ffmpeg to be installed: it is not needed here."""
    before = sys.modules.get("musdb")
    sys.modules["musdb"] = SimpleNamespace(DB=None)  # type: ignore[assignment]
    try:
        import museval
    finally:
        del sys.modules["musdb"]
        if before is not None:
            sys.modules["musdb"] = before
    module: ModuleType = museval
    return module


SOUNDING = [0, 2]
"""Two stems: museval's cost grows with the cube of their number, and four take it a minute."""


def rendering(seconds: float = 2.0, seed: int = 0) -> Rendering:
    """Two stems of noise, and a separation with leaks, artefacts and a wrong ear."""
    generator = torch.Generator().manual_seed(seed)
    clean = torch.zeros(4, 2, int(seconds * RATE))
    clean[SOUNDING] = torch.randn(2, *clean.shape[1:], generator=generator)
    found = clean + 0.1 * torch.randn(clean.shape, generator=generator)
    found[SOUNDING] += 0.3 * clean[SOUNDING].flip(0)
    found[2] = 2 * found[2].flip(0)
    nothing = torch.zeros(2, 0)
    scene = Scene("s1", "song", "hlp", (0, 0, 0, 0), ("L1",), audio=None)  # type: ignore[arg-type]
    return Rendering(
        scene=scene,
        listener=None,  # type: ignore[arg-type]
        stems=found,
        stems_reference=clean,
        remix=nothing,
        remix_reference=nothing,
        output=nothing,
        output_reference=nothing,
        gains=torch.zeros(4),
        sample_rate=RATE,
        output_rate=RATE,
    )


def metric(name: str, **options: object) -> Any:
    registered = installed().get(MetricSpec, f"bench-museval/museval-{name}")
    return registered.build(registered.options(options))


def by_museval(
    museval: ModuleType, r: Rendering, win: int = RATE, hop: int = RATE
) -> dict[str, dict[str, float]]:
    """The median over frames of each stem, by measure."""
    stems = (r.stems_reference[SOUNDING], r.stems[SOUNDING])
    signals = [x.double().numpy().transpose(0, 2, 1) for x in stems]
    frames = museval.evaluate(*signals, win=win, hop=hop, mode="v4")
    return {
        measure: {STEMS[i]: float(np.nanmedian(v)) for i, v in zip(SOUNDING, of, strict=True)}
        for measure, of in zip(("sdr", "isr", "sir", "sar"), frames, strict=True)
    }


def check(score: Mapping[str, float], expected: Mapping[str, float]) -> None:
    assert list(score) == ["mean", *expected]
    for stem, value in expected.items():
        assert score[stem] == pytest.approx(value, abs=1e-9)
    assert score["mean"] == pytest.approx(np.mean(list(expected.values())), abs=1e-9)


def test_each_is_musevals(museval: ModuleType) -> None:
    """Stems that are silent throughout are left out, as museval wants it."""
    r = rendering()
    expected = by_museval(museval, r)
    for name in MEASURES:
        check(metric(name).score(r), expected[name])
    # Four measures of the same stems that differ, so that none passes for another.
    assert len({round(expected[name]["bass"], 3) for name in MEASURES}) == 4


def test_frames_are_musevals_and_silent_ones_do_not_count(museval: ModuleType) -> None:
    r = rendering(seed=1)
    clean = r.stems_reference.clone()
    clean[0, :, :900] = 0
    r = replace(r, stems_reference=clean)
    expected = by_museval(museval, r, win=800, hop=400)
    check(metric("sir", window=0.8, hop=0.4).score(r), expected["sir"])


def test_a_perfect_stem_is_no_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """Infinite, which JSON and means have no place for, so it is left out, and the mean with it."""
    frames = [np.array([[np.inf, np.inf], [3.0, 5.0]])] * 4
    monkeypatch.setattr(metrics._museval(), "bss_eval", lambda *_, **__: (*frames, None))
    assert metric("sdr").score(rendering(seed=4)) == {"bass": 4.0}


def test_bench_agrees() -> None:
    """The built-in metric is the same number."""
    r = rendering(seed=5)
    built_in = installed().get(MetricSpec, "bench-hearing/sdr").build(None).score(r)
    ours = metric("sdr").score(r)
    for part, value in built_in.items():
        assert ours[part] == pytest.approx(value, abs=1e-6)


def test_museval_is_asked_once_for_all_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    frames = [np.full((2, 2), measure) for measure in range(4)]

    def counted(*_: object, **__: object) -> list[np.ndarray]:
        calls.append(1)
        return frames

    monkeypatch.setattr(metrics._museval(), "bss_eval", counted)
    r = rendering(seed=6)
    assert [metric(name).score(r)["mean"] for name in MEASURES] == [0, 1, 2, 3]
    assert len(calls) == 1
    metric("sdr").score(replace(r, stems=r.stems + 1e-6))
    metric("sdr", hop=0.5).score(r)
    assert len(calls) == 3


def test_what_museval_cannot_score_is_an_error() -> None:
    r = rendering(seed=7)
    score = metrics.Sdr(MusevalOptions()).score
    nothing = torch.zeros_like(r.stems)
    with pytest.raises(ValueError, match="shorter than"):
        score(replace(r, stems=r.stems[..., :511], stems_reference=r.stems[..., :511]))
    with pytest.raises(ValueError, match="all stems are silent"):
        score(replace(r, stems_reference=nothing))
    found = r.stems.clone()
    found[2] = 0
    with pytest.raises(ValueError, match="estimate of bass is silent"):
        score(replace(r, stems=found))
    clean = r.stems_reference.clone()
    clean[0, :, 1000:] = 0
    clean[2, :, :1000] = 0
    with pytest.raises(ValueError, match="no frame"):
        score(replace(r, stems_reference=clean))
