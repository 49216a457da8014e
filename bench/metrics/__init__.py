"""The built-in metrics, registered through the public hook."""

from __future__ import annotations

from bench.api import MetricSpec, hookimpl


@hookimpl
def register_metrics() -> list[MetricSpec]:
    """The built-in metrics."""
    return []
