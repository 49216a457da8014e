"""What is heard on a page is what is scored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import torch
from clarity.utils.audiogram import Audiogram, Listener

from bench.hearing import nalr
from bench.listening.audio import (
    RATE,
)
from bench.listening.render import MIXTURE, REFERENCE, WAYS, hear
from bench.plugins import installed
from bench.runs.restore import StoredRun
from bench.spec.resolve import make_run_spec, open_dataset
from bench.spec.suite import load_suite

METER = pyloudnorm.Meter(RATE)


@pytest.fixture(scope="module")
def pair(small_set: Path):  # type: ignore[no-untyped-def]
    """The first scene of a small set through the mixture and the oracle."""
    plugins, suite = installed(), load_suite("cadenza-icassp-2024")
    systems = {}
    for separator in ("mixture", "oracle"):
        options = {"dataset": {"root": str(small_set)}}
        spec = make_run_spec(plugins, suite, separator=separator, gains="fixed", options=options)
        run = StoredRun(f"r{separator}", separator, spec, None)
        systems[run.run_id] = (run, run.system(plugins))
    dataset = open_dataset(spec, plugins)
    scene = dataset.scenes(spec.split)[0]
    level = Audiogram(levels=np.zeros(8))
    normal = Listener(level, level, id="normal")
    [found] = hear(scene, [normal], systems, seconds=2.0)
    return scene, found.heard(("remix", "amplified"))


def test_the_simulated_ear_is_at_the_level_of_haaqi(
    small_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins, suite = installed(), load_suite("cadenza-icassp-2024")
    spec = make_run_spec(
        plugins,
        suite,
        separator="oracle",
        gains="fixed",
        options={"dataset": {"root": str(small_set)}},
    )
    run = StoredRun("ra", "oracle", spec, None)
    scene = open_dataset(spec, plugins).scenes(spec.split)[0]
    level = Audiogram(levels=np.zeros(8))
    asked, loudness = [], []

    def heard(signal, listener, levels):  # type: ignore[no-untyped-def]
        asked.append(levels)
        loudness.append(METER.integrated_loudness(signal.T))
        return signal

    monkeypatch.setattr("bench.listening.render.with_hearing_loss", heard)
    steps: list[str] = []
    [rendered] = hear(
        scene, [Listener(level, level)], {"ra": (run, run.system(plugins))}, seconds=2.0
    )
    found = rendered.heard(WAYS, lambda note, done: steps.append(note))
    assert np.ptp(loudness) < 0.01  # the loss depends on the level: all are at the reference's
    before = [METER.integrated_loudness(s.T) for s in rendered.signals["amplified"].values()]
    assert np.ptp(before) > 0.1
    assert len(steps) == len(asked)  # one for each signal: the time left is known early
    assert len(found.ways["simulated"].signals) == len(asked)
    # The oracle's remix is the reference but for a change of level, which is said.
    change = found.ways["remix"].changes[REFERENCE]
    rms = np.sqrt((found.ways["remix"].signals[REFERENCE] ** 2).mean(axis=1)) / 10 ** (change / 20)
    assert asked[0] == pytest.approx(tuple(65 - 20 * np.log10(rms)), abs=0.01)


def test_what_is_heard_is_what_is_scored(pair) -> None:  # type: ignore[no-untyped-def]
    scene, found = pair
    assert (found.start, found.seconds) == (0.5, 2.0)
    remix = found.ways["remix"].signals
    assert list(remix) == [MIXTURE, REFERENCE, "rmixture", "roracle"]
    # The oracle's remix is the reference, and a quarter of the mixture four times is the mixture
    # only where nothing else is asked for.
    assert remix["roracle"] == pytest.approx(remix[REFERENCE], abs=1e-9)
    start = round(0.5 * RATE)
    clean = scene.mixture(start, 2 * RATE).double().numpy()
    change = 10 ** (found.ways["remix"].changes[MIXTURE] / 20)
    assert remix[MIXTURE] == pytest.approx(clean * change, abs=1e-9)
    for way in found.ways.values():
        loudness = [METER.integrated_loudness(own.T) for own in way.signals.values()]
        assert loudness == pytest.approx([way.loudness] * 4, abs=0.02)
        assert {own.shape for own in way.signals.values()} == {(2, 2 * RATE)}
    assert found.gains["roracle"].tolist() == list(scene.gains)


def test_outputs_are_in_time_with_the_reference(pair) -> None:  # type: ignore[no-untyped-def]
    """Each way's signals have one delay: a switch moves nothing."""
    _, found = pair
    signals = found.ways["amplified"].signals
    window = slice(RATE // 2, RATE // 2 + 8192)
    reference = signals[REFERENCE][0, window]
    own = signals["roracle"][0, window.start - 50 : window.stop + 50]
    match = np.correlate(own, reference, "valid")
    assert int(match.argmax()) == 50


def test_an_output_stage_is_heard_beside_its_own_unclipped_output(small_set: Path) -> None:
    plugins, suite = installed(), load_suite("cadenza-icassp-2024")
    systems = {}
    for prescription in ("nalr", "nalr-headroom"):
        spec = make_run_spec(
            plugins,
            suite,
            separator="mixture",
            gains="fixed",
            prescription=prescription,
            options={"dataset": {"root": str(small_set)}},
        )
        run = StoredRun(f"r{prescription}", prescription, spec, None)
        systems[run.run_id] = (run, run.system(plugins))
    scene = open_dataset(spec, plugins).scenes(spec.split)[0]
    steep = Audiogram(levels=np.linspace(20, 75, 8))
    listener, ways = Listener(steep, steep), ("remix", "amplified")
    clean, own = (
        next(hear(scene, [listener], systems, seconds=2.0, own_reference=is_own)).heard(ways)
        for is_own in (False, True)
    )
    assert list(own.ways["amplified"].signals) == [MIXTURE, REFERENCE, *systems]
    remix = own.ways["remix"].signals
    assert remix[REFERENCE] == pytest.approx(remix["rnalr"], abs=1e-12)
    assert clean.ways["remix"].signals[REFERENCE] != pytest.approx(remix["rnalr"], abs=1e-3)
    heard = own.ways["amplified"].signals
    loudness = [METER.integrated_loudness(heard[name].T) for name in (REFERENCE, *systems)]
    assert loudness == pytest.approx([loudness[0]] * 3, abs=0.05)
    # NAL-R is linear: but for the level, the reference is the remix through it, never clipped.
    amplified = nalr.amplify(torch.from_numpy(remix[REFERENCE])[None], [listener], RATE)[0].numpy()
    amplified = amplified[:, : heard[REFERENCE].shape[1]]
    assert np.corrcoef(amplified.ravel(), heard[REFERENCE].ravel())[0, 1] > 1 - 1e-9
