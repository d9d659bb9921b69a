"""Pictures to run a batch on, and what a batch left behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from nitido.batch.journal import NAME
from support.paths import SAMPLES


def crops(folder: Path, count: int, side: int = 48) -> list[Path]:
    """Small JPEG and PNG crops of real photographs, all different, some in a subfolder."""
    photos = [cv2.imread(str(path)) for path in sorted(SAMPLES.glob("*.webp"))]
    (folder / "sub").mkdir(parents=True)
    paths: list[Path] = []
    for number in range(count):
        photo = np.asarray(photos[number % len(photos)])
        top, left = 7 * number % (photo.shape[0] - side), 11 * number % (photo.shape[1] - side)
        name = f"{number:04}.{'png' if number % 2 else 'jpg'}"
        paths.append((folder / "sub" if number % 3 == 0 else folder) / name)
        cv2.imwrite(str(paths[-1]), photo[top : top + side, left : left + side])
    return paths


def names(folder: Path) -> list[str]:
    """The results below a folder, in order; hidden files are not results."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("[!.]*.*"))


def journal_lines(folder: Path) -> list[dict[str, Any]]:
    """The lines of the folder's journal that are whole; where a run was killed, one may not be."""
    path, lines = folder / NAME, []
    for line in path.read_bytes().splitlines() if path.is_file() else []:
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue
    return lines
