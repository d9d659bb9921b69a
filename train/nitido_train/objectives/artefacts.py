"""Networks against JPEG artefacts: told how strongly a file is compressed, or estimating it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn

from nitido_train.data.artefacts import ArtefactStream
from nitido_train.data.loading import load_batches
from nitido_train.nets.estimator import HIGHEST, LOWEST
from nitido_train.objectives.levels import QUANTILE, SHARE, LevelObjective, told_levels
from nitido_train.recipe.schema import NoiseRecipe
from nitido_train.tensors import to_tensor


class ArtefactObjective(LevelObjective):
    """A :class:`LevelObjective` whose levels are those of quantization tables, see :mod:`nitido.images.compression`.

    ``noise.told`` of the patches are given the level of their file's table. The estimator learns that of the strongest
    compression a patch has gone through.
    """

    def batches(self, first: int, rank: int, world: int, workers: int) -> Iterator[Any]:
        return load_batches(ArtefactStream(self._store, self.recipe), self.recipe, first, rank, world, workers)

    def loss(self, net: nn.Module, batch: Any, step: int, device: torch.device) -> Tensor:
        given, target = (to_tensor(part).to(device) for part in batch[:2])  # N 3 H W
        of_file, strongest = torch.as_tensor(batch[2]).to(device).unbind(1)  # N
        noise = cast(NoiseRecipe, self.recipe.noise)
        told = told_levels(of_file, noise, torch.Generator().manual_seed(1_000_003 * self.recipe.seed + step))
        restored, found = net(given, told, estimates=True)
        off = strongest.clamp(LOWEST, HIGHEST).log() - found
        pinball = torch.maximum(QUANTILE * off, (QUANTILE - 1) * off).mean()
        return self._loss(restored, target) + SHARE * pinball
