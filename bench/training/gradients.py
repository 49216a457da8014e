"""How much of the gradient each term of a loss has, by part of the system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import torch
from torch import Tensor, nn

RULES: Final = 0.9
"""The share of a part's gradient above which a term is said to rule it."""

Norms = Mapping[str, Mapping[str, float]]
"""Norms of weighted gradients, by part and term."""


def gradient_norms(
    weighted: Mapping[str, Tensor], parameters: Mapping[str, Sequence[nn.Parameter]]
) -> Norms:
    """The norm of each weighted term's gradient in the parameters of each part.

    It goes backward once a term, keeps the graph, and leaves the parameters' own gradients alone.

    Args:
        weighted: scalars by term.
        parameters: by part.

    Example:
        >>> part = nn.Parameter(torch.tensor([3.0, 4.0]))
        >>> terms = {"mse": part.square().sum(), "sdr": 5 * part.sum()}
        >>> norms = gradient_norms(terms, {"gains": [part]})
        >>> [round(norms["gains"][term], 3) for term in terms]
        [10.0, 7.071]
    """
    every = [parameter for part in parameters.values() for parameter in part]
    norms: dict[str, dict[str, float]] = {part: {} for part in parameters}
    for term, value in weighted.items():
        found: Sequence[Tensor | None] = [None] * len(every)
        if value.requires_grad:
            found = torch.autograd.grad(value, every, retain_graph=True, allow_unused=True)
        gradients = iter(found)
        for part, own in parameters.items():
            squares = [
                float(gradient.double().square().sum())
                for gradient in (next(gradients) for _ in own)
                if gradient is not None
            ]
            norms[part][term] = sum(squares) ** 0.5
    return norms


def shares_of(norms: Norms) -> Norms:
    """The share of each term in the sum of a part's norms; parts without any are left out.

    Example:
        >>> shares_of({"gains": {"mse": 1.0, "sdr": 3.0}, "separator": {"mse": 0.0, "sdr": 0.0}})
        {'gains': {'mse': 0.25, 'sdr': 0.75}}
    """
    sums = {part: sum(terms.values()) for part, terms in norms.items()}
    return {
        part: {term: norm / sums[part] for term, norm in terms.items()}
        for part, terms in norms.items()
        if sums[part] > 0
    }


def leading_terms(norms: Norms) -> str:
    """The term that has most of each part's gradient, for a line of progress.

    Example:
        >>> leading_terms({"separator": {"mse": 1.0, "sdr": 3.0}, "gains": {"mse": 2.0}})
        'separator 75 % sdr, gains 100 % mse'
    """
    led = [
        (part, *max(shares.items(), key=lambda item: item[1]))
        for part, shares in shares_of(norms).items()
    ]
    return ", ".join(f"{part} {100 * share:.0f} % {term}" for part, term, share in led)


def ruling_terms(norms: Norms) -> str:
    """What to say of terms that rule a part beside others; empty where none does.

    Example:
        >>> ruling_terms({"gains": {"mse": 1.0, "sdr": 3.0}})
        ''
        >>> ruling_terms({"gains": {"loudness": 99.0, "sdr": 1.0}, "separator": {"sdr": 1.0}})
        "loudness accounts for 99 % of the gains' gradient"
    """
    found = [
        f"{term} accounts for {100 * share:.0f} % of the {_possessive(part)} gradient"
        for part, shares in shares_of(norms).items()
        for term, share in shares.items()
        if len(shares) > 1 and share > RULES
    ]
    return ", ".join(found)


def _possessive(part: str) -> str:
    return f"{part}'" if part.endswith("s") else f"{part}'s"
