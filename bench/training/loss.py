"""The weighted sum of loss terms, each where it belongs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from bench.api import Loss, LossInput, LossSpec
from bench.plugins import Plugins
from bench.plugins.guard import guarded
from bench.spec.loss import Term
from bench.spec.run import RunSpec


class ComposedLoss:
    """Several terms as one loss.

    Args:
        terms: each with its loss and the place where it acts.

    Attributes:
        places: the places that are needed, sorted.
    """

    def __init__(self, terms: Sequence[tuple[Term, Loss, str]]) -> None:
        self._terms = tuple(terms)
        self.places = tuple(sorted({place for _, _, place in terms}))

    def __call__(self, inputs: Mapping[str, LossInput]) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum, and each term's own value, unweighted and detached, by its label.

        Args:
            inputs: what the terms compare, by place.
        """
        weighted, values = self.weighted(inputs)
        return total_of(weighted), values

    def weighted(
        self, inputs: Mapping[str, LossInput]
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The terms of the sum, and each term's own value, unweighted and detached, by label.

        A term of weight 0 has a value only.
        """
        weighted: dict[str, Tensor] = {}
        values = {}
        for term, loss, place in self._terms:
            with torch.set_grad_enabled(torch.is_grad_enabled() and term.weight != 0):
                data = inputs[place]
                signals = {"estimate": data.estimate, "reference": data.reference}
                with guarded(f"loss '{term.name}'", **signals):
                    # What is small is copied instead.
                    audiograms, level1 = data.audiograms.clone(), data.level1.clone()
                    value = loss(replace(data, audiograms=audiograms, level1=level1))
            values[term.label] = value.detach()
            if term.weight != 0:
                weighted[term.label] = term.weight * value
        return weighted, values


def total_of(weighted: Mapping[str, Tensor]) -> Tensor:
    """The sum of weighted terms, one at least."""
    first, *others = weighted.values()
    return sum(others, start=first)


def losses_of(spec: RunSpec, plugins: Plugins) -> ComposedLoss:
    """The loss of a run.

    Raises:
        BenchError: a term's plugin cannot be made.
    """
    made: dict[str, tuple[Loss, str]] = {}
    for choice in spec.losses:
        registered = plugins.get(LossSpec, choice.name)
        made[choice.name] = (registered.build(choice.options), registered.spec.default_place)
    return ComposedLoss(
        [(term, made[term.name][0], term.place or made[term.name][1]) for term in spec.loss.terms]
    )
