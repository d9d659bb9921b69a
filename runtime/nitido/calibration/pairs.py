"""Pairs of noisy and clean frames of a camera, for training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from nitido.frames import Frame
from nitido.images.io import Picture, write_picture

NOISY, CLEAN = "_real", "_mean"  # suffixes of the names of a noisy picture and of the mean of many
MEAN_OF = 16  # frames
MOST = 24  # pairs
_BLOCK = 8  # pixels
_MOVED = 4.0  # difference of a block's mean, in standard deviations, that cannot be noise


def find_pairs(paths: Iterable[Path]) -> list[tuple[Path, Path]]:
    """(noisy, clean) of pictures called NAME_real and NAME_mean."""
    by_stem = {path.with_suffix(""): path for path in paths}
    found = []
    for stem, path in sorted(by_stem.items()):
        if stem.name.endswith(NOISY):
            clean = by_stem.get(stem.with_name(stem.name.removesuffix(NOISY) + CLEAN))
            if clean is not None:
                found.append((path, clean))
    return found


def keep_pairs(frames: Iterable[Frame], folder: Path) -> Iterator[Frame]:
    """The same frames. From each 17 consecutive frames, the first and the mean of the others are written to the folder
    as PNG, up to 24 pairs. The noise of the mean is independent of that of the frame, so a network cannot learn it.

    Where something moves, both pictures of a pair are the mean. Raises ``SinkUnavailable``.
    """
    first: Frame | None = None
    halves: list[NDArray[np.floating]] = []
    count = written = 0
    for frame in frames:
        yield frame
        if written == MOST:
            continue
        if first is None or first.shape != frame.shape:
            first, count = frame.copy(), 0
            halves = [np.zeros(frame.shape, np.float32) for _ in range(2)]
            continue
        half = halves[count * 2 // MEAN_OF]
        np.add(half, frame, out=half)
        count += 1
        if count == MEAN_OF:
            noisy, clean = _pair(first, [half / (MEAN_OF // 2) for half in halves])
            for end, pixels in ((NOISY, noisy), (CLEAN, clean)):
                write_picture(folder / f"{written:03}{end}.png", Picture(pixels))
            written, first = written + 1, None


def _pair(noisy: Frame, halves: list[NDArray[np.floating]]) -> tuple[Frame, Frame]:
    mean = (halves[0] + halves[1]) / 2
    clean = np.clip(np.rint(mean), 0, 255).astype(np.uint8)
    height, width = (side // _BLOCK for side in noisy.shape[:2])
    change = cv2.resize(halves[0] - halves[1], (width, height), interpolation=cv2.INTER_AREA)
    change = np.abs(np.asarray(change)).max(-1)
    moved = change > _MOVED * 1.4826 * np.median(change) + 0.5
    moved = cv2.dilate(moved.astype(np.uint8), np.ones((3, 3), np.uint8))
    size = (noisy.shape[1], noisy.shape[0])
    mask = np.asarray(cv2.resize(moved, size, interpolation=cv2.INTER_NEAREST)) > 0
    return np.where(mask[..., None], clean, noisy), clean
