"""Elementary functions of vectors: logarithm and power of two, square root, reciprocal.

All are branch-free and made of products and sums, so that a kernel keeps its vectors in registers
and waits for no divider.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core.typing.templates import signature
from numba.extending import intrinsic

from bench.hearing.simd.vector import F64, I64, floats, integers, vector


@intrinsic  # type: ignore[untyped-decorator]
def _halved(typing: Any, value: Any) -> Any:
    """A first guess of the reciprocal square root, 3.5 % off at worst: half the exponent."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        half = builder.lshr(builder.bitcast(args[0], I64), integers(1))
        return builder.bitcast(builder.sub(integers(0x5FE6EB50C7B537A9), half), F64)

    return signature(vector, vector), generate


@intrinsic  # type: ignore[untyped-decorator]
def _negated(typing: Any, value: Any) -> Any:
    """A first guess of the reciprocal, 6 % off at worst: the exponent negated."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        bits = builder.sub(integers(0x7FDE623822FC16E6), builder.bitcast(args[0], I64))
        return builder.bitcast(bits, F64)

    return signature(vector, vector), generate


@njit(inline="always")
def reciprocal(x):  # type: ignore[no-untyped-def]
    """1 / x for x from 1e-300 to 1e300. Relative error under 1e-15; see :func:`sqrt`."""
    y = _negated(x)
    y = y * (2.0 - x * y)
    y = y * (2.0 - x * y)
    y = y * (2.0 - x * y)
    return y + y * (1.0 - x * y)


@njit(inline="always")
def sqrt(x):  # type: ignore[no-untyped-def]
    """Square root of numbers from 0 to 1e300. Relative error under 1e-15.

    Newton's iteration, with products alone, takes half the time of the processor's instruction.
    """
    half = 0.5 * x
    y = _halved(x)
    y = y * (1.5 - half * y * y)
    y = y * (1.5 - half * y * y)
    y = y * (1.5 - half * y * y)
    root = x * y
    # The last step corrects the root itself, which keeps zero at zero.
    return root + (0.5 * y) * (x - root * root)


@njit(inline="always")
def inverse_root(x):  # type: ignore[no-untyped-def]
    """1 / sqrt(x) for x from 1e-300 to 1e300. Relative error under 1e-10."""
    half = 0.5 * x
    y = _halved(x)
    y = y * (1.5 - half * y * y)
    y = y * (1.5 - half * y * y)
    return y * (1.5 - half * y * y)


_SHIFT = 6755399441055744.0
"""1.5 * 2**52: what is added to it loses its fraction, and its low bits are a signed integer."""
_SHIFT_BITS = 0x4338000000000000
_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD


@intrinsic  # type: ignore[untyped-decorator]
def exponent(typing: Any, value: Any) -> Any:
    """The integer e, as float, with value * 2**-e in [sqrt(1/2), sqrt(2)); -1023 for zero."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        bits = builder.bitcast(args[0], I64)
        exponent = builder.ashr(builder.sub(bits, integers(_SQRT_HALF_BITS)), integers(52))
        # As float without an integer conversion, which older processors have no vectors for.
        shifted = builder.bitcast(builder.add(exponent, integers(_SHIFT_BITS)), F64)
        return builder.fsub(shifted, floats(_SHIFT))

    return signature(vector, vector), generate


@intrinsic  # type: ignore[untyped-decorator]
def mantissa(typing: Any, value: Any) -> Any:
    """value * 2**-e in [sqrt(1/2), sqrt(2)); 1 for zero."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        bits = builder.bitcast(args[0], I64)
        exponent = builder.ashr(builder.sub(bits, integers(_SQRT_HALF_BITS)), integers(52))
        return builder.bitcast(builder.sub(bits, builder.shl(exponent, integers(52))), F64)

    return signature(vector, vector), generate


@intrinsic  # type: ignore[untyped-decorator]
def _round(typing: Any, value: Any) -> Any:
    """The nearest integer, for magnitudes under 2**51."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        return builder.fsub(builder.fadd(args[0], floats(_SHIFT)), floats(_SHIFT))

    return signature(vector, vector), generate


@intrinsic  # type: ignore[untyped-decorator]
def _scale(typing: Any, value: Any, exponent: Any) -> Any:
    """value * 2**exponent for an integer exponent, where neither it nor the result is extreme."""

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        integer = builder.bitcast(builder.fadd(args[1], floats(_SHIFT)), I64)
        bits = builder.bitcast(args[0], I64)
        return builder.bitcast(builder.add(bits, builder.shl(integer, integers(52))), F64)

    return signature(vector, vector, vector), generate


def polynomial(
    function: Callable[[Any], Any], low: float, high: float, degree: int
) -> tuple[float, ...]:
    """Monomial coefficients of the Chebyshev interpolant of `function` on [low, high]."""
    centre, half = (low + high) / 2, (high - low) / 2
    fit = np.polynomial.chebyshev.chebinterpolate(lambda u: function(centre + half * u), degree)
    series = np.polynomial.Chebyshev(fit, domain=[low, high])
    return tuple(float(c) for c in series.convert(kind=np.polynomial.Polynomial).coef)


_LOG2 = polynomial(lambda t: np.log1p(t) / t / np.log(2), 0.5**0.5 - 1, 2**0.5 - 1, 17)
_EXP2 = polynomial(np.exp2, -0.5, 0.5, 9)


@njit(inline="always")
def log2(x):  # type: ignore[no-untyped-def]
    """Base-2 logarithm of positive normal numbers; -1023 for zero. Error under 2e-14."""
    t = mantissa(x) - 1.0
    s = t * t
    even = _LOG2[16] * s + _LOG2[14]
    odd = _LOG2[17] * s + _LOG2[15]
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
    return (odd * t + even) * t + exponent(x)


@njit(inline="always")
def exp2(x):  # type: ignore[no-untyped-def]
    """2**x for -1000 < x < 1000. Relative error under 2e-14."""
    n = _round(x)
    f = x - n
    s = f * f
    even = _EXP2[8] * s + _EXP2[6]
    odd = _EXP2[9] * s + _EXP2[7]
    even = even * s + _EXP2[4]
    odd = odd * s + _EXP2[5]
    even = even * s + _EXP2[2]
    odd = odd * s + _EXP2[3]
    even = even * s + _EXP2[0]
    odd = odd * s + _EXP2[1]
    return _scale(odd * f + even, n)
