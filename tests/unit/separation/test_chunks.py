"""Chunks add up to the mixture, whatever options are accepted."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bench.api import SeparatorSpec
from bench.builtin.separators import HDemucsOptions
from bench.builtin.separators.hdemucs import HDemucsSeparator
from bench.errors import BenchError
from bench.plugins import installed
from bench.plugins.registered import Registered


class Identity(torch.nn.Module):
    """A network of which every source is a quarter of the mixture."""

    sources = ("drums", "bass", "other", "vocals")
    nfft = 64

    def forward(self, mixture: Tensor) -> Tensor:
        return (mixture / 4).unsqueeze(1).expand(-1, 4, -1, -1)


@pytest.fixture(scope="module")
def separator() -> HDemucsSeparator:
    made = HDemucsSeparator(HDemucsOptions())
    made.model = Identity()
    made._config = type(made._config)(masked=False, segment=2.7)
    return made


@settings(max_examples=60, deadline=None)
@given(
    segment=st.one_of(st.just(0.0), st.floats(0.1, 3.0)),
    overlap=st.floats(0, 1, exclude_max=True),
    frames=st.integers(2, 300_000),
)
def test_for_all_accepted_options_the_chunks_add_up(
    separator: HDemucsSeparator, segment: float, overlap: float, frames: int
) -> None:
    try:
        options = HDemucsOptions(segment=segment, overlap=overlap)
    except BenchError:
        assert overlap > segment * (1 + overlap)
        return
    separator._chunk = int(44_100 * (options.segment or 2.7) * (1 + options.overlap))
    separator._fade = int(44_100 * options.overlap)
    # With the recipe's own overlap a chunk that is alone fades out at its end: see the parity test.
    separator._lone_fades = False
    mixture = torch.linspace(-0.5, 0.7, 2 * frames).reshape(1, 2, frames)
    level = torch.zeros(1, 1, 1)
    total = separator._in_chunks(mixture, level, level + 1).sum(1)
    torch.testing.assert_close(total, mixture, atol=1e-5, rtol=0)


def test_a_chunk_that_is_alone_fades_out_with_the_recipes_overlap_alone() -> None:
    assert HDemucsSeparator(HDemucsOptions())._lone_fades
    assert not HDemucsSeparator(HDemucsOptions(overlap=0.5))._lone_fades


@pytest.mark.parametrize(
    "values",
    [
        *({"segment": value} for value in ("-1", "0.01", "nan", "inf", "1e9", "-0.5", True, None)),
        *({"overlap": value} for value in ("2", "1", "-0.1", "nan", "-inf", "0.1s", [], "")),
        {"segment": "0.2", "overlap": "0.9"},
    ],
)
@pytest.mark.parametrize("name", ["hdemucs", "hdemucs-ft"])
def test_other_options_are_refused_before_anything_is_made(
    name: str, values: dict[str, object]
) -> None:
    registered: Registered[SeparatorSpec] = installed().get(SeparatorSpec, name)
    with pytest.raises(BenchError) as caught:
        registered.options(values)
    assert len(str(caught.value).splitlines()) <= 2


def test_every_number_option_of_every_plugin_has_bounds() -> None:
    import dataclasses
    import typing

    from bench.options import Rule

    strangers = Path("tests")
    for item in installed().every:
        if item.spec.options is None or item.module.startswith(strangers.name):
            continue
        types = typing.get_type_hints(item.spec.options)
        for field in dataclasses.fields(item.spec.options):
            if types[field.name] in (int, float):
                rule = Rule.of(field.metadata)
                assert rule.bounded, f"{item.title}: {field.name}"
                assert rule.checked(field.default, where="") == field.default
