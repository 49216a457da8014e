"""The steps of the protocol that training computes in another way, and long signals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from clarity.utils.audiogram import Audiogram, Listener

from bench.api import Scene
from bench.data import CadenzaOptions
from bench.data.cadenza import CadenzaDataset
from bench.evaluation.protocol import Excerpt, Reference, render, separate
from bench.hearing import nalr
from bench.hearing.loudness import integrated_loudness
from bench.plugins import installed
from bench.runtime import memory
from bench.spec.resolve import make_run_spec
from bench.spec.suite import load_suite
from bench.system.output import to_output
from bench.system.remix import mix, remix, scale_stems
from bench.system.system import System, build_system

RATE = 44_100


def system_of(root: Path, separator: str = "mixture", gains: str = "fixed") -> System:
    plugins, suite = installed(), load_suite("cadenza-icassp-2024")
    options = {"dataset": {"root": str(root)}}
    spec = make_run_spec(plugins, suite, separator=separator, gains=gains, options=options)
    return build_system(spec, plugins)


def first_scene(root: Path) -> tuple[Scene, Listener]:
    dataset = CadenzaDataset(CadenzaOptions(root=str(root)))
    scene = dataset.scenes("valid")[0]
    return scene, dataset.listeners("valid")[scene.listeners[0]]


@pytest.mark.parametrize("gains", [[3.0, -10.0, 0.0, 6.0], [[0.0, 1, 2, 3], [-6, 0, -3, 10]]])
def test_mix_is_what_training_computes(gains: list[float]) -> None:
    rng = torch.Generator().manual_seed(0)
    stems = 0.1 * torch.randn(4, 2, RATE, generator=rng)
    mixture = 0.2 * torch.randn(1, 2, RATE, generator=rng).double()
    decibels = torch.tensor(gains, dtype=torch.float64)
    expected = remix(scale_stems(stems[None].double(), decibels[None]), mixture, RATE)[0]
    level = float(integrated_loudness(mixture[0].numpy(), RATE))
    torch.testing.assert_close(mix(stems, decibels, level, RATE), expected, rtol=0, atol=1e-13)


def test_mix_of_silence_is_silence() -> None:
    found = mix(torch.zeros(4, 2, RATE), torch.zeros(4), -20.0, RATE)
    assert not found.any()


def test_a_long_signal_is_mixed_as_a_short_one(monkeypatch: pytest.MonkeyPatch) -> None:
    stems = 0.1 * torch.randn(4, 2, RATE, generator=torch.Generator().manual_seed(1))
    gains = torch.tensor([0.0, 3, -3, 6])
    whole = mix(stems, gains, -20.0, RATE)
    monkeypatch.setattr("bench.system.remix._BLOCK", 1000)
    torch.testing.assert_close(mix(stems, gains, -20.0, RATE), whole, rtol=0, atol=0)


def test_nalr_of_a_long_signal_is_that_of_a_short_one(monkeypatch: pytest.MonkeyPatch) -> None:
    listener = Listener(Audiogram(np.full(8, 20.0)), Audiogram(np.full(8, 60.0)), "L")
    signal = torch.randn(1, 2, 20_000, generator=torch.Generator().manual_seed(2)).double()
    whole = nalr.amplify(signal, [listener], RATE)
    monkeypatch.setattr(nalr, "_WHOLE", 8000)
    torch.testing.assert_close(nalr.amplify(signal, [listener], RATE), whole, rtol=0, atol=0)


def test_what_is_handed_in_is_16_bit_at_32_khz() -> None:
    signal = torch.full((2, RATE), 2.0, dtype=torch.float64)
    signal[1] = -0.3
    output = to_output(signal, RATE)
    assert output.shape == (2, 32_000)
    assert output[0, 16_000] == 32767 / 32768  # clipped
    # Truncated towards zero, not rounded: -0.3 * 32768 is -9830.4.
    assert output[1, 16_000] == -9830 / 32768
    torch.testing.assert_close(output * 32768, (output * 32768).round(), rtol=0, atol=0)


def test_mapped_signals_change_nothing(
    small_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, listener = first_scene(small_set)
    system = system_of(small_set)
    usual = Excerpt.read(scene)
    expected = render(system, usual, separate(system, usual), listener, "challenge")
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(memory, "MAPPED_FROM", 1000)
    excerpt = Excerpt.read(scene)
    found = render(system, excerpt, separate(system, excerpt), listener, "challenge")
    for name in ("stems", "stems_reference", "remix", "remix_reference", "output"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=0, atol=0)
    assert not list(tmp_path.iterdir())  # the files have no name


def test_a_known_reference_is_not_made_again(small_set: Path) -> None:
    scene, listener = first_scene(small_set)
    system = system_of(small_set)
    excerpt = Excerpt.read(scene)
    known: dict[tuple[float, ...], Reference] = {}
    stems = separate(system, excerpt)
    one = render(system, excerpt, stems, listener, "challenge", known=known)
    two = render(system, excerpt, stems, listener, "challenge", known=known)
    assert two.remix_reference is one.remix_reference
    # Under shared gains the reference is another one as soon as the gains are.
    quiet = system_of(small_set, gains="none")
    other = render(quiet, excerpt, stems, listener, "shared-gains", known=known)
    assert len(known) == 2
    assert not torch.equal(other.remix_reference, one.remix_reference)
    again = render(quiet, excerpt, stems, listener, "challenge", known=known)
    assert again.remix_reference is one.remix_reference


def test_a_separator_that_breaks_the_contract_is_refused(small_set: Path) -> None:
    scene, _ = first_scene(small_set)
    excerpt = Excerpt.read(scene)
    system = system_of(small_set)

    class Short:
        def separate(self, mixture: torch.Tensor) -> torch.Tensor:
            return torch.zeros(1, 4, 2, mixture.shape[-1] - 1)

    with pytest.raises(ValueError, match="expected"):
        separate(replace(system, separator=Short()), excerpt)
