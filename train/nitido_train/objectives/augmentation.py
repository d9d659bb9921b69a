"""Decides whether mirrored pictures and random parts help a training, with PCA on held-out pictures.

A network that is trained on few pictures memorises them. Mirroring and cropping help against that if the results look
like other pictures of the same kind. Photos do; letters, or parts that always lie the same way, do not. A PCA of the
same size shows within seconds whether they do.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from nitido_train.charts.pca import pca_errors, principal_components
from nitido_train.data.examples import Bytes, Examples

MANY = 2000  # number of examples that do not need augmentation
CROP = 0.4  # largest share by which the sides of a part are shorter
COPIES, MOST = 10, 1000  # augmented copies of each picture for PCA, and their largest total
SIDE = 32  # pixels of the longer side of pictures for PCA, at most
GAIN = 0.5  # dB by which PCA must gain


@dataclass(frozen=True)
class Augmentation:
    """mirror, crop: as in a recipe. gain: of PCA on held-out pictures, in dB. size: its components."""

    mirror: bool
    crop: float
    gain: float
    size: int

    def __str__(self) -> str:
        if not self.mirror and not self.crop:
            return "not mirrored and not cropped, because PCA gains nothing from it"
        ways = [*(["mirrored"] if self.mirror else []), *(["cropped"] if self.crop else [])]
        return (
            f"{' and '.join(ways)} at random, because {self.size} principal components of such pictures restore "
            f"others {self.gain:.1f} dB better"
        )


def choose_augmentation(examples: Examples, latent: int, seed: int) -> Augmentation | None:
    """The best augmentation for few examples: mirroring, random parts, both or neither. ``None`` for too few examples
    to compare, and for many. latent: size of the autoencoder's latent. The result depends only on examples and seed."""
    if not 6 <= len(examples) <= MANY:
        return None
    apart = np.arange(len(examples)) % 3 == 2
    learn, others = examples.where(~apart), examples.where(apart)
    unknown = _small(others.pictures(np.arange(len(others))))
    size = min(latent, len(learn) - 1)

    def psnr(mirror: bool, crop: float) -> float:
        pictures = _small(_augmented(learn, mirror, crop, np.random.default_rng([seed, 4])))
        components = principal_components(iter([pictures]), len(pictures), pictures[0].size, size)
        return pca_errors(components, [unknown], [size])[0].psnr

    ways = [(False, 0.0), (True, 0.0), (False, CROP), (True, CROP)]
    found = [psnr(*way) for way in ways]
    best = int(np.argmax(found))
    gain = found[best] - found[0]
    mirror, crop = ways[best] if gain > GAIN else ways[0]
    return Augmentation(mirror, crop, gain, size)


def _augmented(examples: Examples, mirror: bool, crop: float, rng: np.random.Generator) -> Bytes:
    """The examples; if they are augmented, several copies of each."""
    numbers = np.arange(len(examples))
    if not mirror and not crop:
        return examples.pictures(numbers)
    numbers = np.tile(numbers, max(1, min(COPIES, MOST // len(examples))))
    pictures = examples.parts(numbers, crop, rng) if crop else examples.pictures(numbers)
    return np.concatenate([pictures, pictures[:, :, ::-1]]) if mirror else pictures


def _small(pictures: Bytes) -> Bytes:
    """The pictures, shrunk if they are large: the decision stays the same, and PCA takes a fraction of the time."""
    height, width = pictures.shape[1:3]
    scale = SIDE / max(height, width)
    if scale >= 1:
        return pictures
    size = max(1, round(scale * width)), max(1, round(scale * height))
    return np.stack([np.asarray(cv2.resize(p, size, interpolation=cv2.INTER_AREA), np.uint8) for p in pictures])
