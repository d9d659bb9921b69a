"""Quality of a model file on folders of clean pictures, by the field's protocols."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from nitido.errors import SourceUnavailable
from nitido.model import Model
from nitido_train import degrade
from nitido_train.data import find_pictures
from nitido_train.degrade import Picture
from nitido_train.metrics import psnr, psnr_y


def read_pictures(folder: Path) -> list[Picture]:
    """All pictures of a folder in the order of their names, uint8 BGR. Raises ``SourceUnavailable``."""
    pictures: list[Picture] = []
    for path in find_pictures([folder]):
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if picture is None:
            raise SourceUnavailable(f"{path} cannot be decoded: an evaluation needs every picture of its set")
        pictures.append(np.asarray(picture, np.uint8))
    return pictures


def evaluate(model: Model, folders: Sequence[Path]) -> list[dict[str, Any]]:
    """One row {set, condition, metric, value, baseline, pictures} for each folder and condition.

    Denoising: colour PSNR at Gaussian σ 15, 25, 50; the baseline is the noisy picture. Upscaling: luma PSNR without
    ``scale`` border pixels against antialiased bicubic shrinking; the baseline is bicubic enlargement.
    """
    rows: list[dict[str, Any]] = []
    for folder in folders:
        clean = read_pictures(folder)
        if model.card.task == "denoise":
            for sigma in degrade.SIGMAS:
                rows.append(
                    _row(
                        folder,
                        f"gaussian sigma {sigma}",
                        "PSNR",
                        model,
                        degrade.noisy(clean, sigma),
                        clean,
                        psnr,
                        lambda p: p,
                    )
                )
        else:
            scale = model.card.scale
            clean = [degrade.crop_to_multiple(p, scale) for p in clean]
            small = [degrade.shrink(p, scale) for p in clean]

            def score(a: Picture, b: Picture, border: int = scale) -> float:
                return psnr_y(a, b, border)

            def bicubic(p: Picture, factor: int = scale) -> Picture:
                return degrade.enlarge(p, factor)

            rows.append(_row(folder, f"bicubic x{scale}", "PSNR-Y", model, small, clean, score, bicubic))
    return rows


def _row(
    folder: Path,
    condition: str,
    metric: str,
    model: Model,
    given: Sequence[Picture],
    clean: Sequence[Picture],
    score: Callable[[Picture, Picture], float],
    baseline: Callable[[Picture], Picture],
) -> dict[str, Any]:
    pairs = list(zip(given, clean, strict=True))
    return {
        "set": folder.name,
        "condition": condition,
        "metric": metric,
        "value": round(float(np.mean([score(model(g), c) for g, c in pairs])), 2),
        "baseline": round(float(np.mean([score(baseline(g), c) for g, c in pairs])), 2),
        "pictures": len(pairs),
    }
