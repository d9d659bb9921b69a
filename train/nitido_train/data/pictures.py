"""Folders of picture files, and the decoded pictures in memory."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from nitido.errors import SourceUnavailable
from nitido.frames import Frame
from nitido.images.io import on_white, read_picture

log = logging.getLogger(__name__)

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
    """Decoded pictures as frames. Up to ``budget`` bytes are kept in memory; other pictures are decoded each time.
    ``purpose`` says in messages what the pictures are for.

    Files that cannot be decoded, or have a side of fewer than ``smallest`` pixels, are left out and counted in
    ``skipped``. Raises ``SourceUnavailable`` when none is left.
    """

    def __init__(
        self, paths: Sequence[Path], *, smallest: int, budget: int = 4 << 30, purpose: str = "training"
    ) -> None:
        self.skipped = 0
        self._kept: list[Frame | Path] = []
        areas: list[int] = []
        for path in paths:
            picture = read_frame(path)
            if picture is None or min(picture.shape[:2]) < smallest:
                self.skipped += 1
                log.warning("left out %s: %s", path, "unreadable" if picture is None else f"under {smallest} px")
                continue
            budget -= picture.nbytes
            self._kept.append(picture if budget >= 0 else path)
            areas.append(picture.shape[0] * picture.shape[1])
        if not self._kept:
            raise SourceUnavailable(
                f"none of the {len(paths)} pictures for {purpose} is readable and at least {smallest} px wide and high"
            )
        # Larger pictures have more patches, but ten times the area does not contain ten times as much to learn.
        weights = np.sqrt(np.asarray(areas, np.float64))
        self._cumulative = np.cumsum(weights) / weights.sum()

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, index: int) -> Frame:
        kept = self._kept[index]
        if not isinstance(kept, Path):
            return kept
        picture = read_frame(kept)
        if picture is None:
            raise SourceUnavailable(f"{kept} was readable when the training began and no longer is")
        return picture

    def draw(self, rng: np.random.Generator) -> Frame:
        """A random picture. The probability grows with the square root of its area."""
        return self[int(np.searchsorted(self._cumulative, rng.random()))]


def read_frame(path: Path) -> Frame | None:
    """A picture file as a frame. ``None`` when it is missing or cannot be decoded. Transparent parts are white, as when
    a model gets the picture."""
    # Not cv2.imread: it prints to stderr for a missing file and cannot open non-ASCII names on Windows.
    try:
        data = path.read_bytes()
    except OSError:
        return None
    try:
        if _has_alpha(data):
            return on_white(read_picture(data, str(path)))
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    except (SourceUnavailable, cv2.error):
        return None
    return None if picture is None else np.asarray(picture, np.uint8)


def _has_alpha(data: bytes) -> bool:
    """Whether a picture has transparency, from its header, without decoding it."""
    if data.startswith(b"\xff\xd8"):  # JPEG, the most common format
        return False
    try:
        with warnings.catch_warnings(action="error"), Image.open(io.BytesIO(data)) as image:
            return image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return True  # too large for Pillow, but not for the runtime's own reader
    except Exception:  # Pillow raises any kind of exception for damaged files; OpenCV decides
        return False
