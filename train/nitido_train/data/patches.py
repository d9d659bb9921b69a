"""An endless, reproducible stream of training patches: cut from pictures, then degraded for the recipe's task."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from nitido.frames import Frame
from nitido_train.data import defects, degrade, developed, shrinking
from nitido_train.data.measured import Camera
from nitido_train.data.pictures import PictureStore
from nitido_train.recipe.schema import DataRecipe, Recipe


class PatchStream(Dataset[tuple[NDArray[np.uint8], NDArray[np.uint8]]]):
    """The i-th (input, target) pair of patches of a training, as frames.

    It depends only on the recipe's seed and on i, so a resumed run gets exactly the same patches as an uninterrupted
    one.
    """

    def __init__(self, store: PictureStore, recipe: Recipe) -> None:
        """Raises ``NitidoError`` for a calibration that cannot be used."""
        self.store, self.recipe = store, recipe
        self._camera = Camera.of(recipe)

    def __len__(self) -> int:
        return self.recipe.schedule.steps * self.recipe.data.batch

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        rng = np.random.default_rng([self.recipe.seed, index])
        side = self.recipe.data.patch
        if self._camera is not None and (pair := self._of_camera(self._camera, side, rng)) is not None:
            return pair
        target = self.clean(rng)
        given, target = degrade_for_task(self.recipe, target, rng)
        trim = self._margin
        if trim:
            target = target[trim:-trim, trim:-trim]
            given = given[
                trim // self.recipe.scale : -trim // self.recipe.scale,
                trim // self.recipe.scale : -trim // self.recipe.scale,
            ]
        return np.ascontiguousarray(given), np.ascontiguousarray(target)

    def clean(self, rng: np.random.Generator) -> Frame:
        """A patch before degradation, with a margin around it if it will be shrunk."""
        data = self.recipe.data
        picture = _zoomed(self.store.draw(rng), data.patch + 2 * self._margin, data, rng)
        return np.ascontiguousarray(_delivered(_turn(picture, rng) if data.turn else picture, data, rng))

    def _of_camera(
        self, camera: Camera, side: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
        """A pair with the camera's noise; ``None``: this pair gets other noise."""
        noise, kind = self.recipe.noise, rng.random()
        assert noise is not None
        if camera.frames is not None and kind < noise.paired:
            given, target = camera.frames.cut(side, rng)
            return np.ascontiguousarray(given), np.ascontiguousarray(target)
        if kind >= noise.paired + noise.measured:
            return None
        target = _zoomed(self.store.draw(rng), side, self.recipe.data, rng)
        target = np.ascontiguousarray(_turn(target, rng) if self.recipe.data.turn else target)
        return camera.noise.add(target, rng), target

    @property
    def _margin(self) -> int:
        """Pixels that are cut off after shrinking, so that patches do not contain effects of the kernel at edges."""
        return 4 * self.recipe.scale if self.recipe.scale > 1 else 0


def degrade_for_task(recipe: Recipe, target: Frame, rng: np.random.Generator) -> tuple[Frame, Frame]:
    """(input, wanted output) of the network for one clean frame, according to the recipe's task."""
    if recipe.blots is not None:
        return defects.add_defects(target, recipe.blots, rng), target
    if recipe.noise is None:
        if recipe.shrink is None:
            return degrade.shrink(target, recipe.scale), target
        return shrinking.shrink_as_found(target, recipe.scale, recipe.shrink, rng), target
    noise = recipe.noise
    kind = rng.random()
    if kind >= noise.camera + noise.developed:
        return degrade.add_gaussian(target, rng.uniform(*noise.sigma), rng), target
    if kind >= noise.camera:
        drawn = developed.DevelopedNoise.draw(rng, noise.jpeg, noise.jpeg_quality)
        return developed.add_developed_noise(target, drawn, rng), target
    given = degrade.add_camera_noise(target, degrade.CameraNoise.draw(rng), rng)
    if rng.random() < noise.jpeg:
        given = degrade.compress_anywhere(
            given, int(rng.integers(noise.jpeg_quality[0], noise.jpeg_quality[1] + 1)), rng
        )
    return given, target


def _delivered(picture: Frame, data: DataRecipe, rng: np.random.Generator) -> Frame:
    """The patch as cameras deliver clean pictures: a share with soft colour, a share as JPEG with colour at half the
    size, on a grid with a random origin."""
    if data.soft_colour and rng.random() < data.soft_colour:
        picture = developed.soften_colour(picture, rng.uniform(*developed.SOFTNESS))
    if data.jpeg and rng.random() < data.jpeg:
        quality = int(rng.integers(data.jpeg_quality[0], data.jpeg_quality[1] + 1))
        picture = degrade.compress_anywhere(picture, quality, rng)
    return picture


def _zoomed(picture: Frame, side: int, data: DataRecipe, rng: np.random.Generator) -> Frame:
    """A patch ``side`` pixels wide and high, of the picture scaled by a factor in ``data.zoom``."""
    if data.zoom == (1.0, 1.0) or rng.random() >= data.zoomed:
        return _cut(picture, side, data.edges, rng)
    wanted = min(round(side / rng.uniform(*data.zoom)), *picture.shape[:2])
    patch = _cut(picture, wanted, data.edges, rng)
    way = cv2.INTER_AREA if wanted > side else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(patch, (side, side), interpolation=way), np.uint8)


def _cut(picture: Frame, side: int, edges: float, rng: np.random.Generator) -> Frame:
    """A random square. With probability ``edges`` it is the one with the strongest gradients out of three."""
    h, w = picture.shape[:2]
    tries = 3 if rng.random() < edges else 1
    best, best_detail = None, -1.0
    for _ in range(tries):
        top, left = int(rng.integers(h - side + 1)), int(rng.integers(w - side + 1))
        patch = picture[top : top + side, left : left + side]
        if tries == 1:
            return patch
        green = patch[::2, ::2, 1].astype(np.int16)  # every second pixel is enough
        detail = float(np.abs(np.diff(green, axis=0)).mean() + np.abs(np.diff(green, axis=1)).mean())
        if detail > best_detail:
            best, best_detail = patch, detail
    assert best is not None
    return best


def _turn(patch: Frame, rng: np.random.Generator) -> Frame:
    """One of the eight flips and quarter turns."""
    way = int(rng.integers(8))
    if way & 1:
        patch = patch[:, ::-1]
    if way & 2:
        patch = patch[::-1]
    if way & 4:
        patch = patch.transpose(1, 0, 2)
    return np.ascontiguousarray(patch)
