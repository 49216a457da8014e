"""Layers that are computed again: the same gradients, with less kept."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.training.recompute import recompute_layers


class Layer(nn.Module):
    """Keeps several tensors of its input's size for going backward."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 64)

    def forward(self, x: Tensor, beside: Tensor | None = None) -> tuple[Tensor, int]:
        for _ in range(4):
            x = torch.sigmoid(self.linear(x))
        return (x if beside is None else x + beside), 1


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer() for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x, _ = layer(x, beside=x)
        return x


def kept(network: Network, x: Tensor) -> tuple[int, list[Tensor]]:
    """Bytes kept for going backward, and the gradients."""
    sizes = []

    def pack(tensor: Tensor) -> Tensor:
        sizes.append(tensor.numel() * tensor.element_size())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        value = network(x).square().sum()
    total = sum(sizes)
    value.backward()
    return total, [parameter.grad.clone() for parameter in network.parameters()]


def test_gradients_are_the_same_and_less_is_kept() -> None:
    torch.manual_seed(0)
    network, x = Network(), torch.randn(128, 64)
    names = list(network.state_dict())
    whole, wanted = kept(network, x)
    network.zero_grad()
    assert recompute_layers(network) == 4
    assert list(network.state_dict()) == names
    less, found = kept(network, x)
    assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))
    assert less < whole / 4


def test_a_network_without_lists_has_nothing_to_compute_again() -> None:
    assert recompute_layers(nn.Sequential(nn.Linear(2, 2), nn.ModuleList([nn.Linear(2, 2)]))) == 0
