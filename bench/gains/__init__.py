"""The built-in gains, registered through the public hook."""

from __future__ import annotations

from bench.api import GainsSpec, hookimpl


@hookimpl
def register_gains() -> list[GainsSpec]:
    """The built-in gains."""
    return []
