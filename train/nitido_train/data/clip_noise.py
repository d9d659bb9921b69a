"""The noise of one camera in a clip: constant parameters, new noise in each frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from nitido.frames import Frame
from nitido_train.data import degrade, developed
from nitido_train.recipe.schema import NoiseRecipe


@dataclass(frozen=True)
class Compression:
    """JPEG of one camera: its quality, and how far outside a cropped frame the grid of blocks begins."""

    quality: int
    top: int = 0
    left: int = 0


@dataclass(frozen=True)
class ClipNoise:
    """What happens to each frame of a clip, in this order.

    kind: parameters of a sensor's or of developed noise, or the standard deviation of white noise in 8-bit levels.
    compressions: JPEG, as cameras deliver video (MJPEG). The grid does not move, so the compression of a still scene is
    the same in every frame.
    """

    kind: degrade.CameraNoise | developed.DevelopedNoise | float
    compressions: tuple[Compression, ...] = ()

    @staticmethod
    def draw(noise: NoiseRecipe, rng: np.random.Generator) -> ClipNoise:
        """One of the kinds of noise of a recipe, with their shares."""
        share = rng.random()
        if share >= noise.camera + noise.developed:
            return ClipNoise(float(rng.uniform(*noise.sigma)))
        if share >= noise.camera:
            drawn = developed.DevelopedNoise.draw(rng, noise.jpeg, noise.jpeg_quality)
            return ClipNoise(replace(drawn, qualities=()), tuple(_anywhere(q, rng) for q in drawn.qualities))
        camera = degrade.CameraNoise.draw(rng)
        if rng.random() >= noise.jpeg:
            return ClipNoise(camera)
        quality = int(rng.integers(noise.jpeg_quality[0], noise.jpeg_quality[1] + 1))
        return ClipNoise(camera, (_anywhere(quality, rng),))

    def add(self, frame: Frame, rng: np.random.Generator) -> Frame:
        """The frame with new noise."""
        noisy = _adder(self.kind)(frame, rng)
        for jpeg in self.compressions:
            noisy = degrade.compress_at(noisy, jpeg.quality, jpeg.top, jpeg.left)
        return np.ascontiguousarray(noisy)


def _anywhere(quality: int, rng: np.random.Generator) -> Compression:
    top, left = (int(n) for n in rng.integers(0, 16, 2))
    return Compression(quality, top, left)


def _adder(
    kind: degrade.CameraNoise | developed.DevelopedNoise | float,
) -> Callable[[Frame, np.random.Generator], Frame]:
    if isinstance(kind, degrade.CameraNoise):
        return lambda frame, rng: degrade.add_camera_noise(frame, kind, rng)
    if isinstance(kind, developed.DevelopedNoise):
        return lambda frame, rng: developed.add_developed_noise(frame, kind, rng)
    return lambda frame, rng: degrade.add_gaussian(frame, kind, rng)
