"""The built-in datasets, registered through the public hook."""

from __future__ import annotations

from dataclasses import dataclass

from bench.api import DatasetSpec, hookimpl, option
from bench.data import CadenzaOptions


@dataclass(frozen=True)
class DemoOptions:
    """Options of the demo dataset."""

    root: str = option(
        "", "folder made by `bench data demo DIR`; empty for the user's cache", path=True
    )


@hookimpl
def register_datasets() -> list[DatasetSpec]:
    """The built-in datasets."""
    return [
        DatasetSpec(
            name="cadenza",
            target="bench.data.cadenza:CadenzaDataset",
            summary="music at the hearing-aid microphones, in the ICASSP 2024 Cadenza layout",
            options=CadenzaOptions,
            citation="Roa Dabike et al. (2024), The ICASSP SP Cadenza Challenge",
        ),
        DatasetSpec(
            name="demo",
            target="bench.builtin.datasets.demo:DemoDataset",
            summary="synthesised songs in the same layout, made on first use",
            music="bench-synth",
            options=DemoOptions,
            files="bench.builtin.datasets.demo:files",
        ),
    ]
