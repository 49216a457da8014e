"""The built-in plugins pass the kit that other people's plugins are tested with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.api import STEMS
from bench.plugins import KINDS, installed
from bench.testing import check_plugin
from bench.version import DISTRIBUTION

SLOW = {
    ("separator", "hdemucs"),
    ("separator", "hdemucs-ft"),
    ("prescription", "nalr-tuned"),
    ("loss", "haaqi"),
}
BUILT_IN = [
    pytest.param(
        kind,
        item.spec.name,
        id=f"{kind}-{item.spec.name}",
        marks=[pytest.mark.slow] if (kind, item.spec.name) in SLOW else [],
    )
    for kind in KINDS
    for item in installed().all(KINDS[kind].spec)
    if item.distribution == DISTRIBUTION
]


@pytest.fixture
def options(small_set: Path, tmp_path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """What some of them cannot do without."""
    table = tmp_path / "gains.json"
    table.write_text(json.dumps({"default": dict.fromkeys(STEMS, 3.0)}), encoding="utf-8")
    return {
        ("prescription", "nalr-tuned"): {"steps": 1},
        ("gains", "table"): {"path": str(table)},
        ("dataset", "cadenza"): {"root": str(small_set)},
        ("dataset", "demo"): {"root": str(small_set)},
    }


@pytest.mark.parametrize(("kind", "name"), BUILT_IN)
def test_a_built_in_plugin_conforms(
    kind: str, name: str, options: dict[tuple[str, str], dict[str, Any]]
) -> None:
    report = check_plugin(kind, f"{DISTRIBUTION}/{name}", options.get((kind, name)))
    assert len(report.results) >= 9


def test_every_kind_is_there() -> None:
    assert {mark.values[0] for mark in BUILT_IN} == set(KINDS)
