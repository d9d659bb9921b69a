"""Denoisers that are given the noise level or estimate it, trained for both at once."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from nitido_train.data.degrade import BT601_BGR
from nitido_train.nets.estimator import HIGHEST, LOWEST
from nitido_train.objectives.frames import FrameObjective
from nitido_train.recipe.schema import NoiseRecipe
from nitido_train.tensors import to_tensor

# The estimator aims at this quantile of the possible levels, because removing too little noise is the smaller fault.
QUANTILE = 0.4
# Weight of its loss. The estimator's own steps do not depend on it, but the clipping of the whole gradient does.
SHARE = 0.02


class LevelObjective(FrameObjective):
    """A :class:`FrameObjective` that decides at random for each patch whether the network is given its level.

    The share ``noise.told`` of the patches comes with a level, and half of these levels have an error. For the other
    patches the level is estimated. The estimator learns the level of every patch.
    """

    def loss(self, net: nn.Module, batch: Any, step: int, device: torch.device) -> Tensor:
        given, target = (to_tensor(part).to(device) for part in batch[:2])  # N 3 H W
        known, learnt = self.levels(batch, given, target)
        noise = cast(NoiseRecipe, self.recipe.noise)
        told = told_levels(known, noise, torch.Generator().manual_seed(1_000_003 * self.recipe.seed + step))
        restored, found = net(given, told, estimates=True)
        off = learnt.clamp(LOWEST, HIGHEST).log() - found
        pinball = torch.maximum(QUANTILE * off, (QUANTILE - 1) * off).mean()
        return self._loss(restored, target) + SHARE * pinball

    def levels(self, batch: Any, given: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """(levels for the network, levels that its estimator learns), both N, in 8-bit levels."""
        level = true_level(given, target)
        return level, level


def true_level(given: Tensor, target: Tensor) -> Tensor:
    """The noise level of frames N×3×H×W: the standard deviation of their luma noise in 8-bit levels, N."""
    luma = torch.einsum("nchw,c->nhw", given - target, given.new_tensor(BT601_BGR))
    return 255 * luma.flatten(1).std(1, correction=0)


def told_levels(level: Tensor, noise: NoiseRecipe, rng: torch.Generator) -> Tensor:
    """The level that the network gets for each frame; -1 if it has to estimate."""
    chance = torch.rand(len(level), generator=rng).to(level)
    error = 1 + noise.told_error * torch.randn(len(level), generator=rng).to(level)
    wrong = level * torch.where(chance < noise.told / 2, error.clamp_min(0.1), 1.0)
    return torch.where(chance < noise.told, wrong, -1.0)
