"""The built-in separators, registered through the public hook."""

from __future__ import annotations

from bench.api import SeparatorSpec, hookimpl


@hookimpl
def register_separators() -> list[SeparatorSpec]:
    """The built-in separators."""
    return []
