"""The separators that know nothing and everything, and what their specs say."""

from __future__ import annotations

import torch

from bench.api import Separator
from bench.builtin.separators import HDemucsOptions, register_separators
from bench.builtin.separators.mixture import Mixture
from bench.builtin.separators.oracle import Oracle


def test_mixture_shares_itself_out() -> None:
    mixture = torch.randn(3, 2, 1000, generator=torch.Generator().manual_seed(0))
    stems = Mixture().separate(mixture)
    assert stems.shape == (3, 4, 2, 1000)
    torch.testing.assert_close(stems.sum(1), mixture)
    for stem in range(1, 4):
        assert torch.equal(stems[:, stem], stems[:, 0])
    stems[:, 0] = 0  # the others are no views of it
    assert stems[:, 1].abs().max() > 0


def test_oracle_gives_back_what_it_is_told() -> None:
    stems = torch.randn(1, 4, 2, 100)
    assert torch.equal(Oracle().separate(stems.sum(1), stems), stems)
    assert isinstance(Mixture(), Separator)


def test_specs() -> None:
    specs = {spec.name: spec for spec in register_separators()}
    assert set(specs) == {"mixture", "oracle", "hdemucs", "hdemucs-ft"}
    assert [name for name, spec in specs.items() if spec.reads_stems] == ["oracle"]
    assert [name for name, spec in specs.items() if spec.trainable] == ["hdemucs-ft"]


def test_what_weights_were_trained_on() -> None:
    assert HDemucsOptions().weights_trained_on == ("bench-synth",)
    assert HDemucsOptions(weights="musdb").weights_trained_on == ("musdb18-train",)
    plus = HDemucsOptions(weights="musdb-plus").weights_trained_on
    assert plus == ("musdb18-train", "musdb18-test", "private")
    assert HDemucsOptions(weights="/some/file.pt").weights_trained_on == ("unknown",)
