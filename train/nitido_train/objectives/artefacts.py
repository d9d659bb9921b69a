"""Networks against JPEG artefacts, which are given the strength of the compression or estimate it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from nitido_train.data.artefacts import ArtefactStream
from nitido_train.data.loading import load_batches
from nitido_train.objectives.levels import LevelObjective


class ArtefactObjective(LevelObjective):
    """A :class:`LevelObjective` whose levels are those of quantization tables, see :mod:`nitido.images.compression`.

    The network is given the level of the file's table, which is that of its last compression. The estimator learns the
    level of the strongest compression of a patch.
    """

    def batches(self, first: int, rank: int, world: int, workers: int) -> Iterator[Any]:
        return load_batches(ArtefactStream(self._store, self.recipe), self.recipe, first, rank, world, workers)

    def levels(self, batch: Any, given: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        of_file, strongest = torch.as_tensor(batch[2]).to(given).unbind(1)
        return of_file, strongest
