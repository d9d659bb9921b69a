"""What is measured on: sets of pictures, each degraded in a way that every method sees the very same bytes of.

Pictures are uint8 H×W×3 BGR throughout.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from nitido.errors import SourceUnavailable
from nitido.frames import Frame
from nitido_train.data import degrade
from nitido_train.data.pictures import find_pictures
from nitido_train.evaluation.conditions import camera_noise, read_pairs, read_pictures, white_noise

SETS = {"denoise": ("CBSD68", "Kodak24"), "upscale": ("Set5", "Set14", "B100")}
REAL = "PolyU-real-noise"
SCALES = (2, 3, 4)
FEW = 10  # slow methods do every so many-th picture of a set
QUICK_PICTURES, QUICK_SIDE = 2, 192

CAMERAS = {f"camera {name}": exposure for name, exposure in degrade.CAMERAS.items()}
NOISES = {f"σ {sigma}": noise for sigma, noise in zip(degrade.SIGMAS, white_noise(), strict=True)} | dict(
    zip(CAMERAS, camera_noise(), strict=True)
)

SHRINKS: dict[str, Callable[[Frame, int], Frame]] = {
    "bicubic": degrade.shrink,
    "cv2 cubic": lambda p, scale: _cv2_shrink(p, scale, cv2.INTER_CUBIC),
    "cv2 area": lambda p, scale: _cv2_shrink(p, scale, cv2.INTER_AREA),
}


@dataclass(frozen=True)
class Trial:
    """Pictures of ``dataset`` as ``given`` and as they should be. level: of the noise as a standard deviation in
    8-bit levels, where there is noise. scale: 1 for denoising."""

    task: str
    dataset: str
    condition: str
    names: tuple[str, ...]
    given: list[Frame] = field(repr=False)
    clean: list[Frame] = field(repr=False)
    scale: int = 1
    level: float = 0.0

    @property
    def key(self) -> str:
        return f"{self.dataset} | {self.condition}"

    @property
    def few(self) -> tuple[int, ...]:
        """Positions of the pictures that slow methods do."""
        return self.all[::FEW]

    @property
    def all(self) -> tuple[int, ...]:
        return tuple(range(len(self.names)))

    @cached_property
    def digest(self) -> str:
        """Changes with any byte of any picture."""
        found = hashlib.sha256()
        for picture in (*self.given, *self.clean):
            found.update(np.ascontiguousarray(picture).data)
        return found.hexdigest()[:12]


def denoise_trials(data: Path, *, quick: bool = False) -> Iterator[Trial]:
    """Gaussian and camera noise on the sets under ``data``, then pairs of real noise. Raises ``SourceUnavailable``."""
    for dataset in SETS["denoise"]:
        names, clean = _read(data / dataset, quick)
        for condition in NOISES:
            yield _noisy_trial(dataset, condition, names, clean)
    pairs = read_pairs(data / REAL)
    if pairs is None:
        raise SourceUnavailable(f"{data / REAL} expects pictures in pairs, NAME_real and NAME_mean")
    names, given, clean = pairs
    if quick:
        names = names[:QUICK_PICTURES]
        given, clean = ([_middle(p) for p in both[:QUICK_PICTURES]] for both in (given, clean))
    yield Trial("denoise", REAL, "real", tuple(names), given, clean, level=_level(given, clean))


def upscale_trials(data: Path, *, quick: bool = False) -> Iterator[Trial]:
    """Every set at every scale, shrunk in every way of ``SHRINKS``. Raises ``SourceUnavailable``."""
    for dataset in SETS["upscale"]:
        names, pictures = _read(data / dataset, quick)
        for scale in SCALES:
            clean = [degrade.crop_to_multiple(p, scale) for p in pictures]
            for how, shrink in SHRINKS.items():
                given = [shrink(p, scale) for p in clean]
                yield Trial("upscale", dataset, f"×{scale} {how}", names, given, clean, scale)


def first_picture(folder: Path) -> Frame:
    """The picture whose name comes first. Raises ``SourceUnavailable``."""
    return read_pictures(find_pictures([folder])[0])[0]


def add_noise(picture: Frame, condition: str, position: int) -> Frame:
    """A picture under one of ``NOISES``, the same as in ``nitido evaluate``. position: its place in the set."""
    return NOISES[condition].apply(picture, position)


def _noisy_trial(dataset: str, condition: str, names: tuple[str, ...], clean: list[Frame]) -> Trial:
    given = [add_noise(p, condition, i) for i, p in enumerate(clean)]
    level = _level(given, clean) if condition in CAMERAS else float(condition.removeprefix("σ "))
    return Trial("denoise", dataset, condition, names, given, clean, level=level)


def _level(given: Sequence[Frame], clean: Sequence[Frame]) -> float:
    squares = [np.mean((a.astype(np.float32) - b) ** 2) for a, b in zip(given, clean, strict=True)]
    return round(float(np.sqrt(np.mean(squares))), 2)


def _read(folder: Path, quick: bool) -> tuple[tuple[str, ...], list[Frame]]:
    """Names and pictures of a folder; for ``quick`` the middle of the first ones."""
    paths, pictures = find_pictures([folder]), read_pictures(folder)
    if quick:
        paths, pictures = paths[:QUICK_PICTURES], [_middle(p) for p in pictures[:QUICK_PICTURES]]
    return tuple(path.stem for path in paths), pictures


def _middle(picture: Frame) -> Frame:
    top, left = (max(0, (length - QUICK_SIDE) // 2) for length in picture.shape[:2])
    return np.ascontiguousarray(picture[top : top + QUICK_SIDE, left : left + QUICK_SIDE])


def _cv2_shrink(picture: Frame, scale: int, how: int) -> Frame:
    height, width = picture.shape[:2]
    return np.asarray(cv2.resize(picture, (width // scale, height // scale), interpolation=how), np.uint8)
