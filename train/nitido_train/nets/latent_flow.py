"""The second stage of a generator: a normalizing flow between standard normal numbers and latents."""

from __future__ import annotations

import torch
from torch import Tensor, nn

STRETCH = 2.0  # largest logarithm of the factor by which one coupling stretches a dimension


class Coupling(nn.Module):
    """One half of the numbers is kept, the other half changes (Dinh, Sohl-Dickstein, Bengio, "Density Estimation Using
    Real NVP", 2017): ``x * exp(log_scale) + shift``, both computed from the kept half and the class."""

    kept: Tensor
    moved: Tensor

    def __init__(self, kept: Tensor, classes: int, hidden: int) -> None:
        """kept: d values, 1 for the numbers that are kept and 0 for those that change."""
        super().__init__()
        size = len(kept)
        self.register_buffer("kept", kept)
        self.register_buffer("moved", 1 - kept)
        self.body = nn.Sequential(nn.Linear(size + classes, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.log_scale, self.shift = nn.Linear(hidden, size), nn.Linear(hidden, size)
        for layer in (self.log_scale, self.shift):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor]:
        """(log_scale, shift), N×d each and 0 for the kept numbers. x: N×d, condition: N×K one-hot."""
        given = x * self.kept
        if condition is not None:
            given = torch.cat([given, condition], dim=1)
        hidden = self.body(given)
        return STRETCH * torch.tanh(self.log_scale(hidden)) * self.moved, self.shift(hidden) * self.moved


class LatentFlow(nn.Module):
    """Couplings one after the other, then mean and standard deviation of the latents.

    forward: standard normal numbers N×d, and for a conditional network its condition N×K → latents N×d.
    """

    kind = "flow"
    mean: Tensor
    std: Tensor

    def __init__(self, size: int, classes: int = 0, couplings: int = 8, hidden: int = 48, seed: int = 0) -> None:
        super().__init__()
        self.size, self.classes = size, classes
        generator = torch.Generator().manual_seed(seed)
        kept = torch.zeros(size)
        halves: list[Tensor] = []
        for number in range(couplings):
            if number % 2 == 0:
                kept = torch.zeros(size)
                kept[torch.randperm(size, generator=generator)[: size // 2]] = 1
            else:
                kept = 1 - kept
            halves.append(kept.clone())
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.couplings = nn.ModuleList(Coupling(half, classes, hidden) for half in halves)
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("std", torch.ones(size))

    def forward(self, normal: Tensor, condition: Tensor | None = None) -> Tensor:
        x = normal
        for coupling in self.couplings:
            log_scale, shift = coupling(x, condition)
            x = x * torch.exp(log_scale) + shift
        return x * self.std + self.mean

    def inverse(self, latents: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The inverse: (standard normal numbers N×d, logarithm of the determinant of the inverse, N)."""
        x = (latents - self.mean) / self.std
        logarithm = -torch.log(self.std).sum().expand(len(x))
        for coupling in reversed(self.couplings):
            log_scale, shift = coupling(x, condition)
            x = (x - shift) * torch.exp(-log_scale)
            logarithm = logarithm - log_scale.sum(1)
        return x, logarithm
