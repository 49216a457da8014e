"""Listeners as the challenge's metadata give them: audiograms of both ears, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.data.metadata import MetadataFile

if TYPE_CHECKING:
    from clarity.utils.audiogram import Listener


@dataclass(frozen=True)
class Audiograms:
    """A listener's audiograms: Hz, and dB HL of each ear."""

    frequencies: tuple[float, ...]
    left: tuple[float, ...]
    right: tuple[float, ...]


def read_audiograms(file: MetadataFile) -> dict[str, Audiograms]:
    """The audiograms in a ``listeners.<split>.json``, by listener id.

    Raises:
        BenchError: a record is malformed, or its frequencies and levels do not fit.
    """
    file.check_ids()
    return {name: _audiograms(file, name, value) for name, value in file.table().items()}


def read_listeners(path: Path) -> dict[str, Listener]:
    """pyclarity Listeners by id, of a file of many records by id or of one record alone.

    Raises:
        BenchError: the file is missing or malformed, or a level is out of range.
    """
    file = MetadataFile(path)
    if isinstance(file.content, dict) and "audiogram_cfs" in file.content:
        name = file.content.get("name", path.stem)
        file.content = {name if isinstance(name, str) and name else path.stem: file.content}
    return {name: make_listener(file, name, a) for name, a in read_audiograms(file).items()}


def make_listener(file: MetadataFile, name: str, given: Audiograms) -> Listener:
    """pyclarity's Listener.

    Raises:
        BenchError: a level or frequency is outside the range of an audiometer.
    """
    from clarity.utils.audiogram import Audiogram, Listener

    from bench.hearing.audiograms import check_listener

    left = Audiogram(levels=given.left, frequencies=given.frequencies)
    right = Audiogram(levels=given.right, frequencies=given.frequencies)
    listener = Listener(left, right, name)
    check_listener(listener, where=f"{file.path}, listener {name}")
    return listener


def _audiograms(file: MetadataFile, name: str, value: Any) -> Audiograms:
    at = f"listener {name}"
    entry: Mapping[str, Any] = file.entry(value, at)
    if entry.get("name", name) != name:
        file.fail(f"it is named '{entry['name']}' inside", at=at)
    frequencies = file.numbers(entry, "audiogram_cfs", at)
    left = file.numbers(entry, "audiogram_levels_l", at)
    right = file.numbers(entry, "audiogram_levels_r", at)
    for ear, levels in (("left", left), ("right", right)):
        if len(levels) != len(frequencies):
            file.fail(
                f"{len(levels)} levels of the {ear} ear at {len(frequencies)} frequencies", at=at
            )
    rising = all(low < high for low, high in pairwise(frequencies))
    if len(frequencies) < 2 or frequencies[0] <= 0 or not rising:
        file.fail("'audiogram_cfs' must be increasing frequencies in Hz", at=at)
    return Audiograms(frequencies, left, right)
