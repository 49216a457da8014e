"""Operations on single lanes of a vector: choices, sums, and rows that are late lane by lane."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.core.typing.templates import signature
from numba.extending import intrinsic

from bench.hearing.simd.vector import LANES, vector

TINY: Final = 1e-200
"""Added to what goes into a filter, so that in silence its state does not decay to subnormal
numbers, which processors handle fifty times as slowly."""


@intrinsic  # type: ignore[untyped-decorator]
def choose(typing: Any, test: Any, positive: Any, otherwise: Any) -> Any:
    """Choose `positive` in the lanes where `test` > 0, else `otherwise`; all are vectors."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        zero = ir.Constant(args[0].type, [0.0] * LANES)
        return builder.select(builder.fcmp_ordered(">", args[0], zero), args[1], args[2])

    return signature(vector, vector, vector, vector), generate


@intrinsic  # type: ignore[untyped-decorator]
def total(typing: Any, value: Any) -> Any:
    """Sum the lanes."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        parts = [
            builder.extract_element(args[0], ir.Constant(ir.IntType(32), k)) for k in range(LANES)
        ]
        while len(parts) > 1:
            parts = [builder.fadd(a, b) for a, b in zip(parts[::2], parts[1::2], strict=True)]
        return parts[0]

    return signature(types.float64, vector), generate


def _late_elements(
    context: Any, builder: ir.IRBuilder, sig: Any, args: Any
) -> Iterator[tuple[ir.Constant, ir.Value, ir.Value]]:
    """Yield each lane's number, whether its row is inside, and its element (of row 0 if not)."""
    array = context.make_array(sig.args[0])(context, builder, args[0])
    lags = context.make_array(sig.args[2])(context, builder, args[2]).data
    for k in range(LANES):
        lane = ir.Constant(ir.IntType(32), k)
        row = builder.add(args[1], builder.load(builder.gep(lags, [lane])))
        inside = builder.icmp_unsigned("<", row, builder.extract_value(array.shape, 0))
        row = builder.select(inside, row, ir.Constant(row.type, 0))
        position = builder.mul(row, ir.Constant(row.type, LANES))
        position = builder.add(position, ir.Constant(row.type, k))
        yield lane, inside, builder.gep(array.data, [position])


@intrinsic  # type: ignore[untyped-decorator]
def load_late(typing: Any, array: Any, row: Any, lags: Any) -> Any:
    """Load element ``[row + lags[k], k]`` of ``(rows, 8)`` into lane k; 0 where no such row is."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        double = ir.DoubleType()
        result = ir.Constant(ir.VectorType(double, LANES), ir.Undefined)
        for lane, inside, pointer in _late_elements(context, builder, sig, args):
            element = builder.load(pointer)
            if sig.args[0].dtype == types.float32:
                element = builder.fpext(element, double)
            element = builder.select(inside, element, ir.Constant(double, 0.0))
            result = builder.insert_element(result, element, lane)
        return result

    return signature(vector, array, types.intp, lags), generate


@intrinsic  # type: ignore[untyped-decorator]
def store_late(typing: Any, array: Any, row: Any, lags: Any, value: Any) -> Any:
    """Write each lane to where :func:`load_late` reads it, and nowhere where no such row is."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        for lane, inside, pointer in _late_elements(context, builder, sig, args):
            element = builder.extract_element(args[3], lane)
            if sig.args[0].dtype == types.float32:
                element = builder.fptrunc(element, ir.FloatType())
            with builder.if_then(inside):
                builder.store(element, pointer)
        return context.get_dummy_value()

    return signature(types.none, array, types.intp, lags, vector), generate
