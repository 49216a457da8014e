"""The built-in losses, registered through the public hook."""

from __future__ import annotations

from bench.api import LossSpec, hookimpl


@hookimpl
def register_losses() -> list[LossSpec]:
    """The built-in losses."""
    return []
