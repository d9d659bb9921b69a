"""Noise as measured on one camera, and frames of that camera."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from nitido.calibration.calibration import Calibration, load_calibration
from nitido.calibration.pairs import find_pairs
from nitido.errors import NitidoError
from nitido.frames import Frame
from nitido_train.data.degrade import in_colours, to_bytes
from nitido_train.data.pictures import find_pictures, read_frame
from nitido_train.recipe.schema import Recipe


class MeasuredNoise:
    """Draws noise with the curve, the colour and the correlation of a calibration."""

    def __init__(self, calibration: Calibration) -> None:
        self._calibration = calibration
        self._spectra: dict[tuple[int, ...], NDArray[np.float64]] = {}

    def add(self, frame: Frame, rng: np.random.Generator) -> Frame:
        """The frame uint8 H×W×3 BGR with noise, rounded and clipped."""
        grey = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8)
        strength = self._calibration.deviation_at(np.arange(256))[grey]  # H W
        luma, blue, red = (self._drawn(component, frame.shape[:2], rng) for component in range(3))
        blue, red = (share * part for share, part in zip(self._calibration.colour, (blue, red), strict=True))
        return to_bytes(frame + strength[..., None] * in_colours(luma, blue, red))

    def _drawn(self, component: int, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
        """Noise of standard deviation 1 with the correlation of a component."""
        white = rng.standard_normal(shape, dtype=np.float32)
        key = (component, *shape)
        if key not in self._spectra:
            self._spectra[key] = self._spectrum(component, shape)
        return np.fft.irfft2(np.fft.rfft2(white) * self._spectra[key], shape).astype(np.float32)

    def _spectrum(self, component: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """The amplitudes that give white noise that correlation: the root of its Fourier transform."""
        table = np.asarray(self._calibration.correlation[component])  # R+1 rows, 2R+1 columns
        reach = table.shape[0] - 1
        # Fades out from half the distance on, because a sharp end would cause waves.
        far = np.hypot(np.arange(reach + 1)[:, None], np.arange(-reach, reach + 1)) / (reach + 1)
        table = table * np.clip(2 - 2 * far, 0, 1)
        around = np.zeros(shape)
        for down in range(-reach, reach + 1):
            for across in range(-reach, reach + 1):
                turned = across if down >= 0 else -across
                around[down % shape[0], across % shape[1]] += table[abs(down), turned + reach]
        power = np.maximum(np.fft.rfft2(around).real, 0)
        return np.sqrt(power / (np.fft.irfft2(power, shape)[0, 0] or 1.0))


class CameraFrames:
    """A camera's noisy frames, each with the mean of others of the same scene. Raises ``NitidoError``."""

    def __init__(self, calibration: Calibration, path: Path, side: int) -> None:
        """path: of the calibration's file. side: of the patches, in pixels."""
        if not calibration.pairs:
            raise NitidoError(f"{path} has no frames; measure again with: nitido calibrate --keep-frames")
        folder = path.parent / calibration.pairs
        self._pairs: list[tuple[Frame, Frame]] = []
        for names in find_pairs(find_pictures([folder])):
            noisy, clean = (read_frame(name) for name in names)
            if noisy is not None and clean is not None and min(noisy.shape[:2]) >= side:
                self._pairs.append((noisy, clean))
        if not self._pairs:
            raise NitidoError(f"{folder} has no frames NAME_real and NAME_mean of at least {side} pixels")

    def cut(self, side: int, rng: np.random.Generator) -> tuple[Frame, Frame]:
        """A random (noisy, clean) patch."""
        noisy, clean = self._pairs[int(rng.integers(len(self._pairs)))]
        top, left = (int(rng.integers(length - side + 1)) for length in noisy.shape[:2])
        part = np.s_[top : top + side, left : left + side]
        return noisy[part], clean[part]


@dataclass(frozen=True)
class Camera:
    """The camera of a recipe. noise: its noise. frames: its own frames, if the recipe uses them."""

    noise: MeasuredNoise
    frames: CameraFrames | None

    @staticmethod
    def of(recipe: Recipe) -> Camera | None:
        """``None`` for a recipe without a calibration. Raises ``NitidoError``."""
        if recipe.noise is None or not recipe.noise.calibration:
            return None
        path = Path(recipe.noise.calibration)
        calibration = load_calibration(path)
        frames = CameraFrames(calibration, path, recipe.data.patch) if recipe.noise.paired else None
        return Camera(MeasuredNoise(calibration), frames)
