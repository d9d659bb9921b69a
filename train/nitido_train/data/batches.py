"""Batches of small pictures and of melodies for autoencoders."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nitido_train.data.examples import Bytes, Examples
from nitido_train.recipe.schema import LatentRecipe

AT_ONCE = 500  # examples that pass through a network together outside training


@dataclass(frozen=True)
class LatentBatch:
    """Examples as input of a network.

    given, target: uint8 N×H×W×C. If the recipe binarizes, pixels of the target are 0 or 255.
    label: N.
    draw: N×d from a standard normal distribution.
    """

    given: Bytes
    target: Bytes
    label: NDArray[np.int64]
    draw: NDArray[np.float32]

    def share(self, rank: int, world: int) -> LatentBatch:
        own = slice(rank * (len(self.given) // world), (rank + 1) * (len(self.given) // world))
        return LatentBatch(self.given[own], self.target[own], self.label[own], self.draw[own])


class MelodyBatch(NamedTuple):
    """Phrases as input of a network.

    notes: uint8 N×T.
    draw: N×d from a standard normal distribution. Zeros give the mean.
    """

    notes: NDArray[np.uint8]
    draw: NDArray[np.float32]


def latent_batch(
    examples: Examples,
    numbers: NDArray[np.int64],
    asked: LatentRecipe,
    latent: int,
    rng: np.random.Generator,
    mirrored: NDArray[np.bool_] | None = None,
    crop: float = 0.0,
) -> LatentBatch:
    """The examples with these numbers, for a network with ``latent`` dimensions.

    mirrored: which of them are mirrored left to right. crop: see :meth:`Examples.parts`; 0 takes whole pictures.
    """
    target = examples.parts(numbers, crop, rng) if crop else examples.pictures(numbers)
    if mirrored is not None:
        target = np.where(mirrored[:, None, None, None], target[:, :, ::-1], target)
    if asked.binarize:
        target = (255 * (rng.random(target.shape) * 255 < target)).astype(np.uint8)
    draw = rng.standard_normal((len(numbers), latent), np.float32)
    return LatentBatch(damage(target, asked, rng), target, examples.labels[numbers], draw)


def fixed_batches(examples: Examples, asked: LatentRecipe, latent: int, seed: int) -> Iterator[LatentBatch]:
    """All examples in their order, in batches that are the same every time."""
    for start in range(0, len(examples), AT_ONCE):
        numbers = np.arange(start, min(len(examples), start + AT_ONCE))
        yield latent_batch(examples, numbers, asked, latent, np.random.default_rng([seed, 3, start]))


def damage(pictures: Bytes, asked: LatentRecipe, rng: np.random.Generator) -> Bytes:
    """N×H×W×C bytes with Gaussian noise and a rectangle of noise, as input of a denoising autoencoder."""
    if not (asked.noise or asked.masked):
        return pictures
    noisy = pictures + rng.normal(0, 255 * asked.noise, pictures.shape)
    damaged = np.clip(np.round(noisy), 0, 255).astype(np.uint8)
    height, width = pictures.shape[1:3]
    for picture in damaged if asked.masked else ():
        share = math.sqrt(rng.uniform(0, asked.masked))
        h, w = round(share * height), round(share * width)
        top, left = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
        picture[top : top + h, left : left + w] = rng.integers(0, 256, (h, w, picture.shape[2]))
    return damaged
