"""Kernels of the differentiable HAAQI's gammatone filters and of the outer hair cells' compression.

Arrays of channels are ``(groups, samples, 8)`` and what is given for each channel ``(groups, 8)``:
eight channels are worked on side by side, and each group lies together in memory. Real and
imaginary parts, or envelope and motion of the basilar membrane, are in front. Arrays are stored as
the caller gives them (float32 or float64); the arithmetic is float64.

Every filter is linear and starts from silence, so its adjoint is the filter itself, run backwards
in time with conjugate poles.
"""

from __future__ import annotations

from typing import Final

from bench.hearing.haaqi import parameters as p
from bench.hearing.simd.elementary import exp2, log2, sqrt
from bench.hearing.simd.kernel import kernel
from bench.hearing.simd.lanes import TINY, choose, total
from bench.hearing.simd.vector import LANES, load, maximum, minimum, store, zeros

_LOWPASS_B: Final = float(p.compression_lowpass()[0][0])
_LOWPASS_A: Final = float(p.compression_lowpass()[1][1])
_POWER_FLOOR: Final = p.SMALL**2


@kernel
def gammatone(x, pole, gain, z, power):  # type: ignore[no-untyped-def]
    """Compute the gammatone filters' analytic output, whose modulus is the envelope.

    It is z = gain (1 + 2 p)^2 / (1 - p)^4 applied to x, where p is the pole times a delay.

    Args:
        x: ``(samples,)``.
        pole: complex poles as ``(2, groups, 8)``.
        gain: ``(groups, 8)``.
        z: filled with the analytic output, ``(2, groups, samples, 8)``.
        power: filled with the mean square of the envelope, ``(groups, 8)``.
    """
    for k in range(len(gain)):
        a, b, g = load(pole[0, k], 0), load(pole[1, k], 0), load(gain[k], 0)
        real, imaginary = z[0, k], z[1, k]
        r1 = i1 = r2 = i2 = r3 = i3 = r4 = i4 = energy = zeros()
        for n in range(len(x)):
            r1, i1 = x[n] * g + TINY + a * r1 - b * i1, a * i1 + b * r1
            r2, i2 = r1 + a * r2 - b * i2, i1 + a * i2 + b * r2
            r3, i3 = r2 + a * r3 - b * i3, i2 + a * i3 + b * r3
            # A zero beside a pole: (1 + 2p) / (1 - p) = 3 / (1 - p) - 2.
            re, im = 3.0 * r3 - 2.0 * r2, 3.0 * i3 - 2.0 * i2
            r4, i4 = re + a * r4 - b * i4, im + a * i4 + b * r4
            re, im = 3.0 * r4 - 2.0 * re, 3.0 * i4 - 2.0 * im
            energy = energy + re * re + im * im
            store(real, n * LANES, re)
            store(imaginary, n * LANES, im)
        store(power[k], 0, energy * (1.0 / len(x)))


@kernel
def gammatone_adjoint(grad, grad_power, z, x, pole, gain, grad_x, by_pole, by_gain):  # type: ignore[no-untyped-def]
    """Adjoint of :func:`gammatone` by x and by the poles' radius a; adds to `grad_x`.

    With the response H = gain Q^2 P^2, P = 1 / (1 - p) and Q = (1 + 2p) P, the derivative by the
    logarithm of the gain is H, and that by the radius is 4 gain Q (1 + Q) P^3 p / a. `by_gain` is
    filled with the former's inner product with the gradient, `by_pole` with a / 4 times the
    latter's; both ``(groups, 8)``.
    """
    for k in range(len(gain)):
        a, b, g = load(pole[0, k], 0), load(pole[1, k], 0), load(gain[k], 0)
        grad_real, grad_imaginary, real, imaginary = grad[0, k], grad[1, k], z[0, k], z[1, k]
        by_power = load(grad_power[k], 0) * (2.0 / len(x))
        r1 = i1 = r2 = i2 = r3 = i3 = r4 = i4 = r5 = i5 = poles = gains = zeros()
        for n in range(len(x) - 1, -1, -1):
            re = g * (load(grad_real, n * LANES) + by_power * load(real, n * LANES))
            im = g * (load(grad_imaginary, n * LANES) + by_power * load(imaginary, n * LANES))
            r1, i1 = re + TINY + a * r1 + b * i1, im + a * i1 - b * r1
            r2, i2 = r1 + a * r2 + b * i2, i1 + a * i2 - b * r2
            r3, i3 = r2 + a * r3 + b * i3, i2 + a * i3 - b * r3
            re, im = 3.0 * r3 - 2.0 * r2, 3.0 * i3 - 2.0 * i2
            r4, i4 = re + a * r4 + b * i4, im + a * i4 - b * r4
            by_x, im = 3.0 * r4 - 2.0 * re, 3.0 * i4 - 2.0 * im
            r5, i5 = by_x + a * r5 + b * i5, im + a * i5 - b * r5
            # p P^3 Q = P^3 Q - P^2 Q, and likewise with Q^2.
            poles = poles + x[n] * (r4 - re + r5 - by_x)
            gains = gains + x[n] * by_x
            grad_x[n] += total(by_x)
        store(by_pole[k], 0, poles)
        store(by_gain[k], 0, gains)


@kernel
def compress(control, z, curve, gain, out):  # type: ignore[no-untyped-def]
    """Apply the outer hair cells' compression to envelope and motion: a low-passed gain.

    Args:
        control, z: gammatone outputs ``(2, groups, samples, 8)``.
        curve: ``(4, groups, 8)``: offset, slope, low and high; before the low-pass the gain is
            ``2 ** (offset - slope * log2(power))`` where log2 of the control power is clipped to
            ``low ... high``.
        gain: filled, ``(groups, samples, 8)``.
        out: filled with envelope and motion, ``(2, groups, samples, 8)``.
    """
    for k in range(len(gain)):
        offset, slope = load(curve[0, k], 0), load(curve[1, k], 0)
        low, high = load(curve[2, k], 0), load(curve[3, k], 0)
        control_real, control_imaginary = control[0, k], control[1, k]
        real, imaginary = z[0, k], z[1, k]
        smoothed, envelope, motion = gain[k], out[0, k], out[1, k]
        before = smooth = zeros()
        for at in range(0, smoothed.size, LANES):
            re, im = load(control_real, at), load(control_imaginary, at)
            level = log2(maximum(re * re + im * im, _POWER_FLOOR))
            raw = exp2(offset - slope * maximum(minimum(level, high), low))
            smooth = _LOWPASS_B * (raw + before) - _LOWPASS_A * smooth
            before = raw
            re, im = load(real, at), load(imaginary, at)
            store(smoothed, at, smooth)
            store(envelope, at, smooth * sqrt(re * re + im * im))
            store(motion, at, smooth * re)


@kernel
def compress_adjoint(grad, control, z, gain, curve, grad_control, grad_z):  # type: ignore[no-untyped-def]
    """Adjoint of :func:`compress`; fills `grad_control` and `grad_z`.

    An envelope of 0 has no slope; its gradient is taken as 0.
    """
    for k in range(len(gain)):
        offset, slope = load(curve[0, k], 0), load(curve[1, k], 0)
        low, high = load(curve[2, k], 0), load(curve[3, k], 0)
        control_real, control_imaginary = control[0, k], control[1, k]
        real, imaginary = z[0, k], z[1, k]
        smoothed, grad_envelope, grad_motion = gain[k], grad[0, k], grad[1, k]
        by_real, by_imaginary = grad_z[0, k], grad_z[1, k]
        by_control_real, by_control_imaginary = grad_control[0, k], grad_control[1, k]
        later = zeros()
        for at in range(smoothed.size - LANES, -1, -LANES):
            by_envelope, by_motion = load(grad_envelope, at), load(grad_motion, at)
            re, im, smooth = load(real, at), load(imaginary, at), load(smoothed, at)
            envelope = sqrt(re * re + im * im)
            radial = smooth * by_envelope / maximum(envelope, p.SMALL)
            store(by_real, at, radial * re + smooth * by_motion)
            store(by_imaginary, at, radial * im)
            now = by_envelope * envelope + by_motion * re + TINY - _LOWPASS_A * later
            by_raw = _LOWPASS_B * (now + later)
            later = now
            re, im = load(control_real, at), load(control_imaginary, at)
            power = maximum(re * re + im * im, _POWER_FLOOR)
            level = log2(power)
            raw = exp2(offset - slope * level)
            scale = -2.0 * slope * by_raw * raw / power
            inside = minimum(level - low, high - level)
            store(by_control_real, at, choose(inside, scale * re, zeros()))
            store(by_control_imaginary, at, choose(inside, scale * im, zeros()))
