"""Shipped ablations, by name: designs of several parts that are compared side by side.

Each is a TOML file beside this module. Its ``[parts.NAME]`` say what is run, in the words of an
ablation's own file, and its ``[scales.NAME]`` how much is trained and scored.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

from bench.ablation.design import Ablation, parse_ablation
from bench.errors import BenchError, suggest

DEFAULT_SCALE: Final = "small"
_WITHOUT_ROOT: Final = "demo"
_WITH_ROOT: Final = "cadenza-icassp-2024"
_SHIPPED: Final = resources.files("bench.ablation") / "studies"
SCALED: Final = ("split", "seeds", "epochs", "limit", "options")
"""Keys of an ablation that a caller may give; the study itself fixes what is compared."""


@dataclass(frozen=True)
class Study:
    """A shipped ablation at one scale.

    Attributes:
        name: its name.
        summary: what it asks.
        protocols: the reference protocols under which every run is scored.
        parts: what is run, by the name that it has in the tables.
    """

    name: str
    summary: str
    protocols: tuple[str, ...]
    parts: Mapping[str, Ablation]


def study_names() -> list[str]:
    """The shipped ablations.

    Example:
        >>> study_names()
        ['seed-paper']
    """
    return sorted(file.name[:-5] for file in _SHIPPED.iterdir() if file.name.endswith(".toml"))


def load_study(
    name: str,
    *,
    scale: str = DEFAULT_SCALE,
    root: Path | str | None = None,
    values: Mapping[str, Any] | None = None,
) -> Study:
    """A shipped ablation.

    Args:
        name: of the study.
        scale: a name of its ``[scales]``.
        root: of a dataset in the Cadenza layout; the demo without one.
        values: SCALED keys of an ablation that come before the scale's.

    Raises:
        BenchError: there is no such study or scale, or a value that is not to be given.
    """
    content = _content(name)
    scales, values = content["scales"], values or {}
    if scale not in scales:
        hint = f"{suggest(scale, scales)} It has: {', '.join(scales)}."
        raise BenchError(f"there is no scale '{scale}'", where=name, hint=hint)
    for key in values:
        if key not in SCALED:
            hint = "For another design give a TOML file, or lists: bench ablate --help"
            raise BenchError(f"the study fixes its {key}", where=name, hint=hint)
    base = Ablation(suite=_WITH_ROOT if root is not None else _WITHOUT_ROOT)
    if root is not None:
        base = parse_ablation({"options": {"dataset.root": str(root)}}, base, where=name)
    parts = {}
    for part, own in content["parts"].items():
        ablation = parse_ablation(scales[scale], base, where=name)
        ablation = parse_ablation(own, ablation, where=name)
        parts[part] = parse_ablation(values, ablation, where=name)
    return Study(name, content["summary"], tuple(content["protocols"]), parts)


def list_studies() -> list[dict[str, str]]:
    """Each shipped ablation: ``name``, ``summary``, ``parts`` and ``scales``.

    Example:
        >>> ", ".join(study["name"] for study in list_studies())
        'seed-paper'
    """
    return [
        {
            "name": name,
            "summary": content["summary"],
            "parts": ", ".join(content["parts"]),
            "scales": ", ".join(content["scales"]),
        }
        for name in study_names()
        for content in [_content(name)]
    ]


def _content(name: str) -> dict[str, Any]:
    if name not in study_names():
        hint = suggest(name, study_names())
        raise BenchError(f"there is no shipped ablation '{name}'", hint=hint)
    return tomllib.loads(_SHIPPED.joinpath(f"{name}.toml").read_text(encoding="utf-8"))
