"""Replaces wide linear layers by two thin ones that compute almost the same with a fraction of the weights.

Source: Xue, Li, Gong, "Restructuring of Deep Neural Network Acoustic Models with Singular Value Decomposition",
Interspeech 2013.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ThinLinear(nn.Sequential):
    """A linear layer of rank ``rank``. forward: N×inputs → N×outputs."""

    def __init__(self, inputs: int, outputs: int, rank: int) -> None:
        super().__init__(nn.Linear(inputs, rank), nn.Linear(rank, outputs))
        self.rank = rank


def linear(inputs: int, outputs: int, rank: int) -> nn.Module:
    """A linear layer, thin unless ``rank`` is 0."""
    return ThinLinear(inputs, outputs, rank) if rank else nn.Linear(inputs, outputs)


def thinned(net: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """``weights`` of another network in the form of ``net``: if a thin layer is wide in the other network, it gets the
    best approximation of that rank of the wide layer's weights."""
    found = dict(weights)
    for name, layer in net.named_modules():
        if isinstance(layer, ThinLinear) and f"{name}.weight" in found:
            left, sizes, right = torch.linalg.svd(found.pop(f"{name}.weight"), full_matrices=False)
            rank = layer.rank
            share = sizes[:rank].sqrt()
            found[f"{name}.0.weight"] = share[:, None] * right[:rank]
            found[f"{name}.0.bias"] = torch.zeros(rank)
            found[f"{name}.1.weight"] = left[:, :rank] * share
            found[f"{name}.1.bias"] = found.pop(f"{name}.bias")
    return found
