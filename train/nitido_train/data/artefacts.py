"""A stream of JPEG patches, with the level that the quantization table of their file shows."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from nitido.images.compression import level_of_quality
from nitido_train.data.degrade import compress_anywhere
from nitido_train.data.patches import PatchStream
from nitido_train.data.pictures import PictureStore
from nitido_train.recipe.schema import Recipe

CLEAN = 0.03  # share of patches that are not compressed, so that good pictures stay unchanged
CLEAN_LEVEL = 0.5

Bytes = NDArray[np.uint8]


class ArtefactStream(Dataset[tuple[Bytes, Bytes, NDArray[np.float32]]]):
    """The i-th (JPEG patch, clean patch, [level of the file's table, level of the worst table that was used]).

    Patches are drawn as in :class:`PatchStream`. A file only shows the table of its last compression. A share of the
    patches was compressed before on another grid, perhaps more strongly.
    """

    def __init__(self, store: PictureStore, recipe: Recipe) -> None:
        assert recipe.noise is not None
        self._recipe, self._quality = recipe, recipe.noise.compressed
        self._twice = recipe.noise.compressed_twice
        self._clean = PatchStream(store, recipe)

    def __len__(self) -> int:
        return len(self._clean)

    def __getitem__(self, index: int) -> tuple[Bytes, Bytes, NDArray[np.float32]]:
        rng = np.random.default_rng([self._recipe.seed, index])
        target = self._clean.clean(rng)
        if rng.random() < CLEAN:
            return target, target, np.full(2, CLEAN_LEVEL, np.float32)
        given, levels = target, []
        for _ in range(1 + (rng.random() < self._twice)):
            quality = self._draw(rng)
            given = compress_anywhere(given, quality, rng)
            levels.append(level_of_quality(quality))
        return given, target, np.array([levels[-1], max(levels)], np.float32)

    def _draw(self, rng: np.random.Generator) -> int:
        """A quality, uniform in the logarithm of 101 - quality, because half of all files are above 80."""
        low, high = (math.log(101 - quality) for quality in self._quality)
        return 101 - round(math.exp(rng.uniform(high, low)))
