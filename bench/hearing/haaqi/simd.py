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
from numba import njit, types
from numba.core.cgutils import get_or_insert_function
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, models, register_model
from numpy.typing import NDArray

LANES: Final = 8

_F64 = ir.VectorType(ir.DoubleType(), LANES)
_F32 = ir.VectorType(ir.FloatType(), LANES)
_I64 = ir.VectorType(ir.IntType(64), LANES)
_I32 = ir.IntType(32)
# Contraction only: reassociation would break the rounding tricks of log2 and exp2.
_FLAGS = ("contract", "nnan", "ninf", "nsz")


class Vector(types.Type):  # type: ignore[misc]
    """The numba type of eight float64."""

    def __init__(self) -> None:
        super().__init__("Vector")


vector = Vector()


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _F64)


def _splat(builder: ir.IRBuilder, scalar: ir.Value) -> ir.Value:
    undefined = ir.Constant(_F64, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(_I32, 0))
    mask = ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES)
    return builder.shuffle_vector(first, undefined, mask)


def _integers(value: int) -> ir.Constant:
    return ir.Constant(_I64, [value] * LANES)


def _floats(value: float) -> ir.Constant:
    return ir.Constant(_F64, [value] * LANES)


def _arithmetic(operation: Callable[..., Any], method: str) -> None:
    @infer_global(operation)
    class _Typing(AbstractTemplate):  # type: ignore[misc]
        def generic(self, args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
            if vector in args and all(a == vector or isinstance(a, types.Float) for a in args):
                return signature(vector, *[a if a == vector else types.float64 for a in args])
            return None

    def lower(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        left, right = (
            value if kind == vector else _splat(builder, value)
            for value, kind in zip(args, sig.args, strict=True)
        )
        return getattr(builder, method)(left, right, flags=_FLAGS)

    lower_builtin(operation, vector, vector)(lower)
    lower_builtin(operation, vector, types.float64)(lower)
    lower_builtin(operation, types.float64, vector)(lower)


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
    return builder.bitcast(pointer, (_F32 if single else _F64).as_pointer()), single


@intrinsic  # type: ignore[untyped-decorator]
def load(typing: Any, array: Any, index: Any) -> Any:
    """Eight elements of a C-contiguous float64 or float32 array from flat position `index`."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        pointer, single = _place(context, builder, sig.args[0], args[0], args[1])
        value = builder.load(pointer, align=4 if single else 8)
        return builder.fpext(value, _F64) if single else value

    return signature(vector, array, types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def load_shifted(typing: Any, array: Any, row: Any, shifts: Any) -> Any:
    """Element ``[row + shifts[k], k]`` of an array ``(rows, 8)`` in each lane k."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        table = context.make_array(sig.args[2])(context, builder, args[2]).data
        result = ir.Constant(_F64, ir.Undefined)
        for lane in range(LANES):
            shift = builder.load(builder.gep(table, [ir.Constant(_I32, lane)]))
            position = builder.mul(builder.add(args[1], shift), ir.Constant(shift.type, LANES))
            position = builder.add(position, ir.Constant(shift.type, lane))
            element = builder.load(builder.gep(data, [position]))
            result = builder.insert_element(result, element, ir.Constant(_I32, lane))
        return result

    return signature(vector, array, types.intp, shifts), generate


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
def maximum(typing: Any, left: Any, right: Any) -> Any:
    """The greater of a vector and a vector or float, lane by lane."""
    return _choose(">", left, right)


@intrinsic  # type: ignore[untyped-decorator]
def minimum(typing: Any, left: Any, right: Any) -> Any:
    """The smaller of a vector and a vector or float, lane by lane."""
    return _choose("<", left, right)


def _choose(comparison: str, left: Any, right: Any) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        a = args[0]
        b = args[1] if sig.args[1] == vector else _splat(builder, args[1])
        test = builder.fcmp_ordered(comparison, a, b, flags=_FLAGS)
        return builder.select(test, a, b)

    return signature(vector, vector, vector if right == vector else types.float64), generate


@intrinsic  # type: ignore[untyped-decorator]
def magnitude(typing: Any, value: Any) -> Any:
    """Absolute value, lane by lane."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        bits = builder.bitcast(args[0], _I64)
        return builder.bitcast(builder.and_(bits, _integers(0x7FFFFFFFFFFFFFFF)), _F64)

    return signature(vector, vector), generate


@intrinsic  # type: ignore[untyped-decorator]
def sqrt(typing: Any, value: Any) -> Any:
    """Square root, lane by lane."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        kind = ir.FunctionType(_F64, [_F64])
        function = get_or_insert_function(builder.module, kind, f"llvm.sqrt.v{LANES}f64")
        return builder.call(function, args)

    return signature(vector, vector), generate


@intrinsic  # type: ignore[untyped-decorator]
def zeros(typing: Any) -> Any:
    """A vector of zeros."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        return _floats(0.0)

    return signature(vector), generate


def aligned(rows: int, dtype: type[np.floating[Any]] = np.float64) -> NDArray[Any]:
    """Zeros ``(rows, 8)`` in which no vector straddles two cache lines, which halves its speed."""
    size = np.dtype(dtype).itemsize
    memory = np.zeros(rows * LANES * size + 64, dtype=np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + rows * LANES * size].view(dtype).reshape(rows, LANES)


# --- powers of two -------------------------------------------------------------------------------

_SHIFT = 6755399441055744.0
"""1.5 * 2**52: what is added to it loses its fraction, and its low bits are a signed integer."""
_SHIFT_BITS = 0x4338000000000000
_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD


@intrinsic  # type: ignore[untyped-decorator]
def _exponent(typing: Any, value: Any) -> Any:
    """The integer e, as float, with value * 2**-e in [sqrt(1/2), sqrt(2)); -1023 for zero."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        bits = builder.bitcast(args[0], _I64)
        exponent = builder.ashr(builder.sub(bits, _integers(_SQRT_HALF_BITS)), _integers(52))
        # As float without an integer conversion, which older processors have no vectors for.
        shifted = builder.bitcast(builder.add(exponent, _integers(_SHIFT_BITS)), _F64)
        return builder.fsub(shifted, _floats(_SHIFT))

    return signature(vector, vector), generate


@intrinsic  # type: ignore[untyped-decorator]
def _mantissa(typing: Any, value: Any) -> Any:
    """value * 2**-e in [sqrt(1/2), sqrt(2)); 1 for zero."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        bits = builder.bitcast(args[0], _I64)
        exponent = builder.ashr(builder.sub(bits, _integers(_SQRT_HALF_BITS)), _integers(52))
        return builder.bitcast(builder.sub(bits, builder.shl(exponent, _integers(52))), _F64)

    return signature(vector, vector), generate


@intrinsic  # type: ignore[untyped-decorator]
def _round(typing: Any, value: Any) -> Any:
    """The nearest integer, for magnitudes under 2**51."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        return builder.fsub(builder.fadd(args[0], _floats(_SHIFT)), _floats(_SHIFT))

    return signature(vector, vector), generate


@intrinsic  # type: ignore[untyped-decorator]
def _scale(typing: Any, value: Any, exponent: Any) -> Any:
    """value * 2**exponent for an integer exponent, where neither it nor the result is extreme."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        integer = builder.bitcast(builder.fadd(args[1], _floats(_SHIFT)), _I64)
        bits = builder.bitcast(args[0], _I64)
        return builder.bitcast(builder.add(bits, builder.shl(integer, _integers(52))), _F64)

    return signature(vector, vector, vector), generate


def _polynomial(
    function: Callable[[Any], Any], low: float, high: float, degree: int
) -> tuple[float, ...]:
    """Monomial coefficients of the Chebyshev interpolant of `function` on [low, high]."""
    centre, half = (low + high) / 2, (high - low) / 2
    fit = np.polynomial.chebyshev.chebinterpolate(lambda u: function(centre + half * u), degree)
    series = np.polynomial.Chebyshev(fit, domain=[low, high])
    return tuple(float(c) for c in series.convert(kind=np.polynomial.Polynomial).coef)


_LOG2 = _polynomial(lambda t: np.log1p(t) / t / np.log(2), 0.5**0.5 - 1, 2**0.5 - 1, 19)
_EXP2 = _polynomial(np.exp2, -0.5, 0.5, 10)


@njit(inline="always")  # type: ignore[untyped-decorator]
def log2(x):  # type: ignore[no-untyped-def]
    """Base-2 logarithm of positive normal numbers; -1023 for zero. Error under 3e-15."""
    t = _mantissa(x) - 1.0
    s = t * t
    even = _LOG2[18] * s + _LOG2[16]
    odd = _LOG2[19] * s + _LOG2[17]
    even = even * s + _LOG2[14]
    odd = odd * s + _LOG2[15]
    even = even * s + _LOG2[12]
    odd = odd * s + _LOG2[13]
    even = even * s + _LOG2[10]
    odd = odd * s + _LOG2[11]
    even = even * s + _LOG2[8]
    odd = odd * s + _LOG2[9]
    even = even * s + _LOG2[6]
    odd = odd * s + _LOG2[7]
    even = even * s + _LOG2[4]
    odd = odd * s + _LOG2[5]
    even = even * s + _LOG2[2]
    odd = odd * s + _LOG2[3]
    even = even * s + _LOG2[0]
    odd = odd * s + _LOG2[1]
    return (odd * t + even) * t + _exponent(x)


@njit(inline="always")  # type: ignore[untyped-decorator]
def exp2(x):  # type: ignore[no-untyped-def]
    """2**x for -1000 < x < 1000. Relative error under 1e-15."""
    n = _round(x)
    f = x - n
    s = f * f
    even = _EXP2[10] * s + _EXP2[8]
    odd = _EXP2[9] * s + _EXP2[7]
    even = even * s + _EXP2[6]
    even = even * s + _EXP2[4]
    odd = odd * s + _EXP2[5]
    even = even * s + _EXP2[2]
    odd = odd * s + _EXP2[3]
    even = even * s + _EXP2[0]
    odd = odd * s + _EXP2[1]
    return _scale(odd * f + even, n)
