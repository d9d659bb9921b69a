"""Another second stage of a generator: a mixture of normal distributions, for few examples of many kinds."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

# of the mean standard deviation of the latents: standard deviation of a cluster with a single latent
LEAST_SPREAD = 0.05
ROUNDS = 12


class LatentMixture(nn.Module):
    """The first of the standard normal numbers chooses a component, all of them place the latent within it.

    forward: standard normal numbers N×d → latents N×d. Unlike a flow, it has no inverse.
    """

    kind = "mixture"
    above: Tensor
    means: Tensor
    deviations: Tensor

    def __init__(self, above: Tensor, means: Tensor, deviations: Tensor) -> None:
        """above: K values, the summed shares of the components before each. means, deviations: K×d."""
        super().__init__()
        self.size = means.shape[1]
        shares = torch.cat([above[1:], torch.ones(1)]) - above
        self.register_buffer("above", above)
        self.register_buffer("shares", shares)
        self.register_buffer("means", means.half().float())
        self.register_buffer("deviations", deviations.half().float())

    def forward(self, normal: Tensor, condition: Tensor | None = None) -> Tensor:
        share = 0.5 * (1 + torch.erf(normal[:, :1] / math.sqrt(2)))  # N 1, even from 0 to 1
        chosen = (share > self.above).sum(1) - 1
        chosen = chosen.clamp_min(0)
        return self.means[chosen] + self.deviations[chosen] * normal * self._own(normal)

    def _own(self, normal: Tensor) -> Tensor:
        """0 for the number that chooses the component and is therefore not free, 1 for the others."""
        own = torch.ones(self.size)
        own[0] = 0
        return own.expand_as(normal)


def fit_mixture(latents: NDArray[np.float32], components: int, seed: int = 0) -> LatentMixture:
    """k-means (Lloyd, "Least squares quantization in PCM", 1982), and mean and deviations of each cluster.

    latents: N×d.
    """
    rng = np.random.default_rng(seed)
    components = min(components, len(latents))
    centres = latents[rng.choice(len(latents), components, replace=False)].astype(np.float64)
    nearest = np.zeros(len(latents), np.int64)
    for _ in range(ROUNDS):
        distances = (centres**2).sum(1) - 2 * latents @ centres.T
        nearest = distances.argmin(1)
        for number in np.unique(nearest):
            centres[number] = latents[nearest == number].mean(0)
    used, counts = np.unique(nearest, return_counts=True)
    spread = np.stack([latents[nearest == number].std(0) for number in used])
    floor = LEAST_SPREAD * float(latents.std(0).mean())
    above = np.concatenate([[0.0], np.cumsum(counts)[:-1] / counts.sum()])
    values = (above, centres[used], np.maximum(spread, floor))
    return LatentMixture(*(torch.from_numpy(v.astype(np.float32)) for v in values))
