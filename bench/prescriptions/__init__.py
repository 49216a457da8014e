"""The built-in prescriptions, registered through the public hook."""

from __future__ import annotations

from bench.api import PrescriptionSpec, hookimpl


@hookimpl
def register_prescriptions() -> list[PrescriptionSpec]:
    """The built-in prescriptions."""
    return []
