"""A plugin whose separators fail: in every scene, or in those that a variable names."""

from __future__ import annotations

import os
from pathlib import Path

from torch import Tensor

from bench.api import SeparatorSpec, hookimpl

SCENES = "FAILING_SCENES"


class Always:
    """Fails in every scene, with a message that names its length."""

    def separate(self, mixture: Tensor) -> Tensor:
        return self.model(mixture)

    def model(self, mixture: Tensor) -> Tensor:
        raise ValueError(f"no model for {mixture.shape[-1]} samples")  # the line that is told


class Sometimes:
    """Fails in the first so many scenes that it sees in a process."""

    seen = 0

    def separate(self, mixture: Tensor) -> Tensor:
        type(self).seen += 1
        if type(self).seen <= int(os.environ.get(SCENES, "0")):
            raise ValueError("not this one")
        return mixture[:, None].expand(-1, 4, -1, -1) / 4


@hookimpl
def register_separators() -> list[SeparatorSpec]:
    return [
        SeparatorSpec(name="always-fails", target=f"{__name__}:Always", summary="fails"),
        SeparatorSpec(name="sometimes-fails", target=f"{__name__}:Sometimes", summary="fails"),
    ]


def entry_point(site: Path) -> None:
    """Install this module in a folder of the path, as pip would leave it."""
    info = site / "failing-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: failing\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[bench]\nfailing = {__name__}\n")
