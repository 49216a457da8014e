"""The steps of the protocol that training computes in another way, and long signals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyloudnorm
import pytest
import torch
from clarity.utils.audiogram import Listener
from torch import Tensor

from bench.api import Scene
from bench.builtin.prescriptions.nalr import Nalr
from bench.data import CadenzaOptions
from bench.data.cadenza import CadenzaDataset
from bench.evaluation import protocol
from bench.evaluation.protocol import Excerpt, Reference, Remixes, render, separate
from bench.plugins import installed
from bench.runtime import memory
from bench.spec.resolve import make_run_spec
from bench.spec.suite import load_suite
from bench.system.remix import mix
from bench.system.system import System, build_system


def system_of(root: Path, separator: str = "mixture", gains: str = "fixed") -> System:
    plugins, suite = installed(), load_suite("cadenza-icassp-2024")
    options = {"dataset": {"root": str(root)}}
    spec = make_run_spec(plugins, suite, separator=separator, gains=gains, options=options)
    return build_system(spec, plugins)


def first_scene(root: Path) -> tuple[Scene, Listener]:
    dataset = CadenzaDataset(CadenzaOptions(root=str(root)))
    scene = dataset.scenes("valid")[0]
    return scene, dataset.listeners("valid")[scene.listeners[0]]


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


def test_listeners_who_ask_for_the_same_share_a_remix(
    small_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, listener = first_scene(small_set)
    system, excerpt = system_of(small_set), Excerpt.read(scene)
    stems = separate(system, excerpt)
    expected = render(system, excerpt, stems, listener, "challenge")
    made: list[Tensor] = []

    def counted(*given: Any) -> Tensor:
        made.append(mix(*given))
        return made[-1]

    monkeypatch.setattr(protocol, "mix", counted)
    remixes = Remixes()
    for _ in range(3):
        found = render(system, excerpt, stems, listener, "challenge", remixes=remixes)
    assert len(made) == 2  # the clean stems' and the system's own, once each
    for name in ("remix", "remix_reference", "output", "output_reference"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=0, atol=0)
    # Other gains are another remix.
    quiet = replace(excerpt, scene=replace(scene, gains=(0.0, -6.0, 0.0, 3.0)))
    other = render(system, quiet, stems, listener, "challenge", remixes=remixes)
    assert not torch.equal(other.remix, found.remix)
    assert len(made) == 4


def test_a_separator_that_breaks_the_contract_is_refused(small_set: Path) -> None:
    scene, _ = first_scene(small_set)
    excerpt = Excerpt.read(scene)
    system = system_of(small_set)

    class Short:
        def separate(self, mixture: torch.Tensor) -> torch.Tensor:
            return torch.zeros(1, 4, 2, mixture.shape[-1] - 1)

    with pytest.raises(ValueError, match="expected"):
        separate(replace(system, separator=Short()), excerpt)

    class Endless:
        def separate(self, mixture: torch.Tensor) -> torch.Tensor:
            return torch.full((1, 4, 2, mixture.shape[-1]), torch.nan)

    with pytest.raises(ValueError, match="not finite"):
        separate(replace(system, separator=Endless()), excerpt)


class Louder(Nalr):
    def amplify(self, *given: Any) -> Tensor:
        return 2 * super().amplify(*given)


def test_the_reference_is_the_suites_and_its_gains_are_the_protocols(small_set: Path) -> None:
    scene, listener = first_scene(small_set)
    scene = replace(scene, gains=(6.0, -6.0, 0.0, 3.0))
    excerpt = replace(Excerpt.read(scene), scene=scene)
    own = system_of(small_set, gains="none")  # applies 0 dB, whatever is asked for
    stems = separate(own, excerpt)

    def reference(protocol: str, system: System = own) -> Tensor:
        return render(system, excerpt, stems, listener, protocol).output_reference

    rate, level = scene.sample_rate, excerpt.loudness
    for named, gains in (("challenge", scene.gains), ("shared-gains", (0.0,) * 4)):
        remix = mix(excerpt.stems, torch.tensor(gains, dtype=torch.float64), level, rate)
        expected = own.amplify(remix[None], [listener])[0]
        torch.testing.assert_close(reference(named), expected, rtol=0, atol=0)
        louder = replace(own, prescription=Louder())
        torch.testing.assert_close(reference(named, louder), expected, rtol=0, atol=0)


def test_a_remix_is_as_loud_as_the_mixture_that_was_given(small_set: Path) -> None:
    """Not as the sum of its stems, which may be other than it."""
    scene, listener = first_scene(small_set)
    read = Excerpt.read(scene)
    excerpt = replace(read, mixture=0.5 * read.mixture)
    system = system_of(small_set)
    found = render(system, excerpt, separate(system, excerpt), listener, "challenge")
    meter = pyloudnorm.Meter(scene.sample_rate)
    wanted = meter.integrated_loudness(excerpt.mixture.numpy().T)
    for remix in (found.remix, found.remix_reference):
        assert meter.integrated_loudness(remix.numpy().T) == pytest.approx(wanted, abs=0.01)
