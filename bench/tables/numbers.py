"""Numbers as people read them in every table: a score, an interval, a p-value."""

from __future__ import annotations

import math


def number_text(value: float, decimals: int, *, sign: bool = False) -> str:
    """A number with its decimals; a dash where there is none.

    Example:
        >>> number_text(0.51234, 3), number_text(0.5, 1, sign=True), number_text(math.nan, 3)
        ('0.512', '+0.5', '–')
    """
    return "–" if math.isnan(value) else f"{value:{'+' if sign else ''}.{decimals}f}"


def interval_text(low: float, high: float, decimals: int, *, sign: bool = False) -> str:
    """An interval in brackets; empty where there is none.

    Example:
        >>> interval_text(0.48, 0.543, 3)
        '[0.480, 0.543]'
    """
    if math.isnan(low):
        return ""
    ends = (number_text(end, decimals, sign=sign) for end in (low, high))
    return f"[{', '.join(ends)}]"


def p_value_text(p: float) -> str:
    """A p-value with three decimals.

    Example:
        >>> p_value_text(0.0421), p_value_text(0.0004)
        ('.042', '<.001')
    """
    return "<.001" if p < 0.001 else f"{p:.3f}".removeprefix("0")
