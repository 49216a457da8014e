"""Vectors of eight doubles for numba: arithmetic, elementary functions and kernels."""
