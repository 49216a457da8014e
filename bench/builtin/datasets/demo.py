"""The demo dataset."""

from __future__ import annotations

from bench.api import PluginFile
from bench.builtin.datasets import DemoOptions
from bench.data import CadenzaOptions
from bench.data.cadenza import CadenzaDataset
from bench.data.generate import demo_root


class DemoDataset(CadenzaDataset):
    """The demo dataset, made on first use in the user's cache."""

    def __init__(self, options: DemoOptions) -> None:
        root = options.root or str(demo_root())
        # What makes the demo takes half a second to import, and is seldom needed.
        if not options.root and not demo_root().exists():
            from bench.data.generate.demo import ensure_demo

            root = str(ensure_demo())
        super().__init__(CadenzaOptions(root=root))


def files() -> list[PluginFile]:
    """The folder of the demo's songs, for ``bench doctor``."""
    return [PluginFile("demo songs", demo_root(), "The first run of the demo makes them")]
