"""An endless, reproducible stream of training clips: cut from videos or made from pictures, then made noisy."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from nitido.errors import SourceUnavailable
from nitido.frames import Frame
from nitido.video.formats import SUFFIXES as VIDEO_SUFFIXES
from nitido.video.reader import VideoSource
from nitido_train.data.clip_noise import ClipNoise
from nitido_train.data.degrade import compress_at
from nitido_train.data.developed import SOFTNESS, soften_colour
from nitido_train.data.motion import Clip, moving_clip, with_other_light
from nitido_train.data.pictures import SUFFIXES, PictureStore
from nitido_train.recipe.schema import DataRecipe, Recipe

log = logging.getLogger(__name__)

MOST_FRAMES = 400  # frames of a video that are kept
LIGHTS = 0.15  # share of clips in which the light changes
ZOOM = 2.0  # most pixels of a stored clip per pixel of a training clip


def find_sources(folders: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """(pictures, videos) below the folders, sorted. Raises ``SourceUnavailable`` for a folder that is missing or has
    neither."""
    pictures: list[Path] = []
    videos: list[Path] = []
    for folder in folders:
        if not folder.exists():
            raise SourceUnavailable(f"no such folder: {folder}; --data expects folders of pictures or videos")
        here = [folder] if folder.is_file() else sorted(path for path in folder.rglob("*") if path.is_file())
        found = (
            [p for p in here if p.suffix.lower() in SUFFIXES],
            [p for p in here if p.suffix.lower() in VIDEO_SUFFIXES],
        )
        if not any(found):
            raise SourceUnavailable(f"neither pictures nor videos in {folder}")
        pictures += found[0]
        videos += found[1]
    return pictures, videos


class ClipStore:
    """Decoded videos in memory, shrunk to half their width and height to remove their own noise.

    Videos that cannot be decoded, or are smaller than ``smallest`` pixels or shorter than ``shortest`` frames once
    shrunk, are left out and counted in ``skipped``.
    """

    def __init__(self, paths: Sequence[Path], *, smallest: int, shortest: int) -> None:
        self.skipped = 0
        self._clips: list[Clip] = []
        for path in paths:
            clip = _read(path)
            if clip is None or min(clip.shape[1:3]) < smallest or len(clip) < shortest:
                self.skipped += 1
                log.warning(
                    "left out %s: unreadable, under %d px at half size or under %d frames", path, smallest, shortest
                )
                continue
            self._clips.append(clip)

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, index: int) -> Clip:
        return self._clips[index]

    def cut(self, length: int, side: int, rng: np.random.Generator) -> Clip:
        """A random part of a random video, flipped, turned and reversed at random."""
        clip = self._clips[int(rng.integers(len(self._clips)))]
        stride = 2 if rng.random() < 0.2 and len(clip) >= 2 * length else 1
        start = int(rng.integers(len(clip) - stride * (length - 1)))
        wanted = min(round(side * np.exp(rng.uniform(0, np.log(ZOOM)))), *clip.shape[1:3])
        top, left = (int(rng.integers(n - wanted + 1)) for n in clip.shape[1:3])
        part = clip[start : start + stride * length : stride, top : top + wanted, left : left + wanted]
        if wanted != side:
            part = np.stack([cv2.resize(f, (side, side), interpolation=cv2.INTER_AREA) for f in part]).astype(np.uint8)
        if rng.random() < 0.5:
            part = part[::-1]
        return _turned(part, rng)


class ClipStream(Dataset[tuple[NDArray[np.uint8], NDArray[np.uint8]]]):
    """The i-th (input, target) pair of clips of a training, T×H×W×3 each.

    It depends on the recipe's seed and on i alone.
    """

    def __init__(self, pictures: PictureStore | None, clips: ClipStore, recipe: Recipe) -> None:
        self._pictures, self._clips, self._recipe = pictures, clips, recipe

    def __len__(self) -> int:
        return self._recipe.schedule.steps * self._recipe.data.batch

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        recipe, asked = self._recipe, self._recipe.clips
        assert asked is not None
        assert recipe.noise is not None
        rng = np.random.default_rng([recipe.seed, index])
        side = recipe.data.patch
        if self._pictures is None or (len(self._clips) and rng.random() < asked.real):
            target = self._clips.cut(asked.length, side, rng)
        else:
            target = moving_clip(self._pictures.draw, asked.length, side, rng)
        target = _delivered(target, recipe.data, rng)
        if rng.random() < LIGHTS:
            target = with_other_light(target, rng)
        noise = ClipNoise.draw(recipe.noise, rng)
        given = np.stack([noise.add(frame, rng) for frame in target])
        return given, np.ascontiguousarray(target)


def _delivered(clip: Clip, data: DataRecipe, rng: np.random.Generator) -> Clip:
    """The clip as cameras and codecs deliver it: a share with soft colour, a share as JPEG with a constant grid."""
    soft = float(rng.uniform(*SOFTNESS)) if rng.random() < data.soft_colour else 0.0
    jpeg = rng.random() < data.jpeg
    quality = int(rng.integers(data.jpeg_quality[0], data.jpeg_quality[1] + 1))
    top, left = (int(n) for n in rng.integers(0, 16, 2))
    frames = [soften_colour(frame, soft) if soft else frame for frame in clip]
    return np.stack([compress_at(frame, quality, top, left) if jpeg else frame for frame in frames])


def _turned(clip: Clip, rng: np.random.Generator) -> Clip:
    way = int(rng.integers(8))
    if way & 1:
        clip = clip[:, :, ::-1]
    if way & 2:
        clip = clip[:, ::-1]
    if way & 4:
        clip = clip.transpose(0, 2, 1, 3)
    return np.ascontiguousarray(clip)


def _read(path: Path) -> Clip | None:
    """The first frames of a video at half its size; ``None`` when it cannot be decoded."""
    frames: list[Frame] = []
    try:
        with VideoSource(path) as source:
            for frame in source:
                height, width = frame.shape[:2]
                half = cv2.resize(frame, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
                frames.append(np.asarray(half, np.uint8))
                if len(frames) == MOST_FRAMES:
                    break
    except SourceUnavailable as error:
        log.warning("%s", error)
    return np.stack(frames) if frames else None
