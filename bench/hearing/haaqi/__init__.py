"""HAAQI, the Hearing-Aid Audio Quality Index: exact, fast, and differentiable.

`haaqi` scores a pair of signals in one ear, `HaaqiReference` keeps a reference for many. Both give
pyclarity's numbers. Nothing heavy is imported before the first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.hearing.haaqi.exact.reference import HaaqiReference, haaqi
    from bench.hearing.haaqi.exact.scorer import HaaqiResult
    from bench.hearing.haaqi.gradient.reference import DifferentiableHaaqi

__all__ = ["DifferentiableHaaqi", "HaaqiReference", "HaaqiResult", "haaqi"]


def __getattr__(name: str) -> Any:
    if name == "DifferentiableHaaqi":
        from bench.hearing.haaqi.gradient.reference import DifferentiableHaaqi

        return DifferentiableHaaqi
    if name in __all__:
        from bench.hearing.haaqi.exact import reference as model

        return getattr(model, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
