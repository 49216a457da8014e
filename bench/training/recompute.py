"""Layers that are computed again going backward, in place of keeping what they computed.

Chen et al. (2016), Training deep nets with sublinear memory cost, arXiv 1604.06174;
:func:`torch.utils.checkpoint.checkpoint`.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from torch import nn
from torch.utils.checkpoint import checkpoint

_MARK: Final = "bench_recomputed"


def recompute_layers(module: nn.Module) -> int:
    """Let the layers of a network keep their inputs alone, and compute the rest again.

    Its layers are the entries of its outermost :class:`torch.nn.ModuleList` of two or more, such as
    the encoder's and the decoder's of HDemucs. Gradients are the same; parameters keep their names.

    Returns:
        The number of layers.

    Example:
        >>> network = nn.Module()
        >>> network.layers = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
        >>> recompute_layers(network), recompute_layers(network)
        (2, 2)
    """
    found = 0
    for child in module.children():
        if not isinstance(child, nn.ModuleList) or len(child) < 2:
            found += recompute_layers(child)
            continue
        for layer in child:
            found += 1
            if not hasattr(layer, _MARK):
                again = partial(checkpoint, layer.forward, use_reentrant=False)
                setattr(layer, "forward", again)  # noqa: B010
                setattr(layer, _MARK, True)
    return found
