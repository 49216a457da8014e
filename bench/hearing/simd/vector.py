"""A vector of eight float64 for numba kernels: eight channels side by side in one register.

numba leaves vectorisation to LLVM, which keeps recursive filters' states in memory and so runs
them several times slower than the processor can. With a type that is an LLVM vector, local
variables of a kernel stay in registers, on every processor that LLVM knows: 512-bit ones take a
vector in one register, others in two or four.

Kernels use ``+ - * /`` between vectors and floats, :func:`load` and :func:`store`, the functions
below, and may contract a product and a sum into one rounding.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, models, register_model
from numpy.typing import NDArray

LANES: Final = 8

F64 = ir.VectorType(ir.DoubleType(), LANES)
_F32 = ir.VectorType(ir.FloatType(), LANES)
_F32X16 = ir.VectorType(ir.FloatType(), 2 * LANES)
I64 = ir.VectorType(ir.IntType(64), LANES)
_I32 = ir.IntType(32)
# Contraction only: reassociation would break the rounding tricks of log2 and exp2.
FLAGS = ("contract", "nnan", "ninf", "nsz")


class Vector(types.Type):  # type: ignore[misc]
    """The numba type of a vector: `lanes` elements of the numba type `element`."""

    def __init__(self, element: Any, lanes: int, code: Any) -> None:
        super().__init__(f"Vector({element}, {lanes})")
        self.element = element
        self.code = code


vector = Vector(types.float64, LANES, F64)
vector16 = Vector(types.float32, 2 * LANES, _F32X16)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Vector) -> None:
        super().__init__(manager, kind, kind.code)


def _splat(builder: ir.IRBuilder, scalar: ir.Value, code: Any) -> ir.Value:
    undefined = ir.Constant(code, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(_I32, 0))
    mask = ir.Constant(ir.VectorType(_I32, code.count), [0] * code.count)
    return builder.shuffle_vector(first, undefined, mask)


def integers(value: int) -> ir.Constant:
    """Return eight equal 64-bit integers, for code generation."""
    return ir.Constant(I64, [value] * LANES)


def floats(value: float) -> ir.Constant:
    """Return eight equal float64, for code generation."""
    return ir.Constant(F64, [value] * LANES)


def _arithmetic(operation: Callable[..., Any], method: str) -> None:
    @infer_global(operation)
    class _Typing(AbstractTemplate):  # type: ignore[misc]
        def generic(self, args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
            kind = next((a for a in args if isinstance(a, Vector)), None)
            if kind and all(a == kind or isinstance(a, types.Float) for a in args):
                return signature(kind, *[a if a == kind else kind.element for a in args])
            return None

    def lower(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        left, right = (
            value if isinstance(kind, Vector) else _splat(builder, value, sig.return_type.code)
            for value, kind in zip(args, sig.args, strict=True)
        )
        return getattr(builder, method)(left, right, flags=FLAGS)

    for kind in (vector, vector16):
        lower_builtin(operation, kind, kind)(lower)
        lower_builtin(operation, kind, kind.element)(lower)
        lower_builtin(operation, kind.element, kind)(lower)


for _operation, _method in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _arithmetic(_operation, _method)


def _place(
    context: Any, builder: ir.IRBuilder, kind: Any, array: ir.Value, index: ir.Value
) -> tuple[ir.Value, bool]:
    """Pointer to eight elements from flat position `index`, and whether they are float32."""
    single = kind.dtype == types.float32
    data = context.make_array(kind)(context, builder, array).data
    pointer = builder.gep(data, [index])
    return builder.bitcast(pointer, (_F32 if single else F64).as_pointer()), single


@intrinsic  # type: ignore[untyped-decorator]
def load(typing: Any, array: Any, index: Any) -> Any:
    """Load eight elements of a C-contiguous float64 or float32 array from flat place `index`."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        pointer, single = _place(context, builder, sig.args[0], args[0], args[1])
        value = builder.load(pointer, align=4 if single else 8)
        return builder.fpext(value, F64) if single else value

    return signature(vector, array, types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def load_shifted(typing: Any, array: Any, row: Any, shifts: Any, index: Any) -> Any:
    """Load element ``[row + shift, k]`` of an array ``(rows, 8)`` into each lane k.

    The eight shifts stand in an integer array from flat position `index`.
    """

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        table = context.make_array(sig.args[2])(context, builder, args[2]).data
        result = ir.Constant(F64, ir.Undefined)
        for lane in range(LANES):
            place = builder.add(args[3], ir.Constant(args[3].type, lane))
            shift = builder.load(builder.gep(table, [place]))
            position = builder.mul(builder.add(args[1], shift), ir.Constant(shift.type, LANES))
            position = builder.add(position, ir.Constant(shift.type, lane))
            element = builder.load(builder.gep(data, [position]))
            result = builder.insert_element(result, element, ir.Constant(_I32, lane))
        return result

    return signature(vector, array, types.intp, shifts, types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Write eight elements of a C-contiguous array from flat position `index`."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        pointer, single = _place(context, builder, sig.args[0], args[0], args[1])
        content = builder.fptrunc(args[2], _F32) if single else args[2]
        builder.store(content, pointer, align=4 if single else 8)
        return context.get_dummy_value()

    return signature(types.none, array, types.intp, vector), generate


@intrinsic  # type: ignore[untyped-decorator]
def load16(typing: Any, array: Any, index: Any) -> Any:
    """Load sixteen elements of a C-contiguous float32 array from flat position `index`."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        pointer = builder.bitcast(builder.gep(data, [args[1]]), _F32X16.as_pointer())
        return builder.load(pointer, align=4)

    return signature(vector16, array, types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def store16(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Write sixteen elements of a C-contiguous float32 array from flat position `index`."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        pointer = builder.bitcast(builder.gep(data, [args[1]]), _F32X16.as_pointer())
        builder.store(args[2], pointer, align=4)
        return context.get_dummy_value()

    return signature(types.none, array, types.intp, vector16), generate


@intrinsic  # type: ignore[untyped-decorator]
def join(typing: Any, low: Any, high: Any) -> Any:
    """Join two vectors of float64 to one of float32."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        halves = [builder.fptrunc(half, _F32) for half in args]
        mask = ir.Constant(ir.VectorType(_I32, 2 * LANES), list(range(2 * LANES)))
        return builder.shuffle_vector(*halves, mask)

    return signature(vector16, vector, vector), generate


@intrinsic  # type: ignore[untyped-decorator]
def rounded(typing: Any, left: Any, right: Any) -> Any:
    """Multiply two vectors; the product is rounded by itself, whatever it is added to."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        return builder.fmul(*args)

    return signature(vector, vector, vector), generate


@intrinsic  # type: ignore[untyped-decorator]
def maximum(typing: Any, left: Any, right: Any) -> Any:
    """Take the greater of a vector and a vector or float, lane by lane."""
    return _choose(">", left, right)


@intrinsic  # type: ignore[untyped-decorator]
def minimum(typing: Any, left: Any, right: Any) -> Any:
    """Take the smaller of a vector and a vector or float, lane by lane."""
    return _choose("<", left, right)


def _choose(comparison: str, left: Any, right: Any) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        a = args[0]
        b = args[1] if sig.args[1] == vector else _splat(builder, args[1], F64)
        test = builder.fcmp_ordered(comparison, a, b, flags=FLAGS)
        return builder.select(test, a, b)

    return signature(vector, vector, vector if right == vector else types.float64), generate


@intrinsic  # type: ignore[untyped-decorator]
def magnitude(typing: Any, value: Any) -> Any:
    """Take absolute values, lane by lane."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        bits = builder.bitcast(args[0], I64)
        return builder.bitcast(builder.and_(bits, integers(0x7FFFFFFFFFFFFFFF)), F64)

    return signature(vector, vector), generate


@intrinsic  # type: ignore[untyped-decorator]
def zeros(typing: Any) -> Any:
    """Return a vector of zeros."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        return floats(0.0)

    return signature(vector), generate


def aligned(
    rows: int, dtype: type[np.floating[Any]] = np.float64, *, zeroed: bool = True
) -> NDArray[Any]:
    """Allocate zeros ``(rows, 8)`` in which no vector straddles two cache lines: that costs double.

    Large rooms that are written before they are read need not be `zeroed`.

    Example:
        >>> aligned(3).shape, aligned(3).ctypes.data % 64
        ((3, 8), 0)
    """
    size = np.dtype(dtype).itemsize
    bytes_needed = rows * LANES * size + 64
    memory = np.zeros(bytes_needed, np.uint8) if zeroed else np.empty(bytes_needed, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + rows * LANES * size].view(dtype).reshape(rows, LANES)
