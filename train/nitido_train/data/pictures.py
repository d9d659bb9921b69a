"""Folders of pictures turned into an endless, reproducible stream of training patches."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from nitido.errors import SourceUnavailable
from nitido_train.data import defects as blots
from nitido_train.data import degrade
from nitido_train.data.degrade import Picture
from nitido_train.recipe import DataRecipe, Recipe

log = logging.getLogger(__name__)

ZERO_POINT = 128  # the byte that networks see as 0

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})


def find_pictures(folders: Sequence[Path]) -> list[Path]:
    """All picture files below the folders, sorted. Raises ``SourceUnavailable`` if a folder is missing or empty."""
    found: list[Path] = []
    for folder in folders:
        if not folder.exists():
            raise SourceUnavailable(f"no such folder: {folder}; --data expects folders of pictures")
        here = [folder] if folder.is_file() else sorted(folder.rglob("*"))
        here = [p for p in here if p.suffix.lower() in SUFFIXES]
        if not here:
            raise SourceUnavailable(f"no pictures in {folder}: expected files ending in {', '.join(sorted(SUFFIXES))}")
        found += here
    return found


class PictureStore:
    """Decoded pictures, uint8 H×W×3 BGR, held in memory up to ``budget`` bytes and decoded again beyond it.

    Files that cannot be decoded, or are smaller than ``smallest`` pixels on a side, are left out and counted in
    ``skipped``. Raises ``SourceUnavailable`` when none is left.
    """

    def __init__(self, paths: Sequence[Path], *, smallest: int, budget: int = 4 << 30) -> None:
        self.skipped = 0
        self._kept: list[Picture | Path] = []
        areas: list[int] = []
        for path in paths:
            picture = decode(path)
            if picture is None or min(picture.shape[:2]) < smallest:
                self.skipped += 1
                log.warning("left out %s: %s", path, "unreadable" if picture is None else f"under {smallest} px")
                continue
            budget -= picture.nbytes
            self._kept.append(picture if budget >= 0 else path)
            areas.append(picture.shape[0] * picture.shape[1])
        if not self._kept:
            raise SourceUnavailable(
                f"none of {len(paths)} pictures is readable and at least {smallest} px wide and high"
            )
        # Large pictures hold more patches, but a tenfold area is not ten times as much to learn from.
        weights = np.sqrt(np.asarray(areas, np.float64))
        self._cumulative = np.cumsum(weights) / weights.sum()

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, index: int) -> Picture:
        kept = self._kept[index]
        if not isinstance(kept, Path):
            return kept
        picture = decode(kept)
        if picture is None:
            raise SourceUnavailable(f"{kept} was readable when the training began and no longer is")
        return picture

    def draw(self, rng: np.random.Generator) -> Picture:
        """A random picture; the chance grows with the square root of its area."""
        return self[int(np.searchsorted(self._cumulative, rng.random()))]


class PatchStream(Dataset[tuple[NDArray[np.uint8], NDArray[np.uint8]]]):
    """Sample ``i`` of the training: (input, target) patches, uint8 H×W×3 BGR, a pure function of (seed, i).

    That purity is what makes a resumed run see exactly what an uninterrupted one sees.
    """

    def __init__(self, store: PictureStore, recipe: Recipe) -> None:
        self.store, self.recipe = store, recipe

    def __len__(self) -> int:
        return self.recipe.schedule.steps * self.recipe.data.batch

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        rng = np.random.default_rng([self.recipe.seed, index])
        side = self.recipe.data.patch
        target = _zoomed(self.store.draw(rng), side + 2 * self._margin, self.recipe.data, rng)
        if self.recipe.data.turn:
            target = _turn(target, rng)
        target = _compressed(target, self.recipe.data, rng)
        given, target = degrade_for(self.recipe, target, rng)
        trim = self._margin
        if trim:
            target = target[trim:-trim, trim:-trim]
            given = given[
                trim // self.recipe.scale : -trim // self.recipe.scale,
                trim // self.recipe.scale : -trim // self.recipe.scale,
            ]
        return np.ascontiguousarray(given), np.ascontiguousarray(target)

    @property
    def _margin(self) -> int:
        """Pixels cut away after shrinking, so that no patch shows the kernel's behaviour at a picture's edge."""
        return 4 * self.recipe.scale if self.recipe.scale > 1 else 0


class Share(Sampler[int]):
    """Of each step's ``batch`` patches from step ``first`` on, those of process ``rank`` among ``world``: together all
    processes see what a single one would."""

    def __init__(self, first: int, steps: int, batch: int, rank: int = 0, world: int = 1) -> None:
        self._steps, self._batch = range(first, steps), batch
        self._own = range(rank * (batch // world), (rank + 1) * (batch // world))

    def __iter__(self) -> Iterator[int]:
        return (step * self._batch + i for step in self._steps for i in self._own)

    def __len__(self) -> int:
        return len(self._steps) * len(self._own)


def degrade_for(recipe: Recipe, target: Picture, rng: np.random.Generator) -> tuple[Picture, Picture]:
    """(what the network is given, what it should return) for one clean picture, by the recipe's task."""
    if recipe.blots is not None:
        return blots.blemish(target, recipe.blots, rng), target
    if recipe.noise is None:
        return degrade.shrink(target, recipe.scale), target
    noise = recipe.noise
    if rng.random() >= noise.camera:
        return degrade.add_gaussian(target, rng.uniform(*noise.sigma), rng), target
    given = degrade.add_camera_noise(target, degrade.CameraNoise.draw(rng), rng)
    if rng.random() < noise.jpeg:
        given = degrade.compress(given, int(rng.integers(noise.jpeg_quality[0], noise.jpeg_quality[1] + 1)))
    return given, target


def to_tensor(patches: Tensor) -> Tensor:
    """N×H×W×C uint8 → N×C×H×W float32, ``(byte - 128) / 255``: what networks see and return.

    Centred, because nets without normalisation die on inputs that are all positive; at 128, because quantization
    operators subtract that zero point for nothing. The strides stay: the result is channels_last without a copy more.
    """
    return (patches.permute(0, 3, 1, 2).to(torch.float32) - ZERO_POINT) / 255  # N C H W


def decode(path: Path) -> Picture | None:
    """A picture file as uint8 H×W×3 BGR; ``None`` when it is missing or cannot be decoded."""
    # Not cv2.imread: that one prints to stderr for a missing file and cannot open non-ASCII names on Windows.
    try:
        data = np.fromfile(path, np.uint8)
    except OSError:
        return None
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    return None if picture is None else np.asarray(picture, np.uint8)


def _compressed(picture: Picture, data: DataRecipe, rng: np.random.Generator) -> Picture:
    """A share of the patches, as most pictures are that people have: JPEG, with colour at half the size."""
    if not data.jpeg or rng.random() >= data.jpeg:
        return picture
    return degrade.compress(picture, int(rng.integers(data.jpeg_quality[0], data.jpeg_quality[1] + 1)))


def _zoomed(picture: Picture, side: int, data: DataRecipe, rng: np.random.Generator) -> Picture:
    """A patch ``side`` pixels wide and high of the picture at one of the sizes of ``data.zoom``."""
    if data.zoom == (1.0, 1.0) or rng.random() >= data.zoomed:
        return _cut(picture, side, data.edges, rng)
    wanted = min(round(side / rng.uniform(*data.zoom)), *picture.shape[:2])
    patch = _cut(picture, wanted, data.edges, rng)
    way = cv2.INTER_AREA if wanted > side else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(patch, (side, side), interpolation=way), np.uint8)


def _cut(picture: Picture, side: int, edges: float, rng: np.random.Generator) -> Picture:
    """A random square; with probability ``edges`` the one of three with the strongest gradients."""
    h, w = picture.shape[:2]
    tries = 3 if rng.random() < edges else 1
    best, best_detail = None, -1.0
    for _ in range(tries):
        top, left = int(rng.integers(h - side + 1)), int(rng.integers(w - side + 1))
        patch = picture[top : top + side, left : left + side]
        if tries == 1:
            return patch
        green = patch[::2, ::2, 1].astype(np.int16)  # every second pixel tells enough
        detail = float(np.abs(np.diff(green, axis=0)).mean() + np.abs(np.diff(green, axis=1)).mean())
        if detail > best_detail:
            best, best_detail = patch, detail
    assert best is not None
    return best


def _turn(patch: Picture, rng: np.random.Generator) -> Picture:
    """One of the eight flips and quarter turns."""
    way = int(rng.integers(8))
    if way & 1:
        patch = patch[:, ::-1]
    if way & 2:
        patch = patch[::-1]
    if way & 4:
        patch = patch.transpose(1, 0, 2)
    return np.ascontiguousarray(patch)
