"""Results of a denoising autoencoder for damaged pictures, compared with PCA and a median filter."""

from __future__ import annotations

import cv2
import numpy as np

from nitido_train.charts.figures import Figure, grid
from nitido_train.charts.pca import Components, ErrorMeter, unit
from nitido_train.data.examples import Bytes

SHOWN = 12  # columns
MEDIANS = (3, 5)


def denoised_figure(given: Bytes, restored: Bytes, clean: Bytes, components: Components) -> Figure:
    """Rows of damaged, restored and clean pictures, with the PSNR of each method in the caption.

    given, restored, clean: uint8 N×H×W×C. components: PCA of clean training pictures, with as many components as the
    latent has numbers.
    """
    size = len(components.rows)
    medians = {side: np.stack([_median(picture, side) for picture in given]) for side in MEDIANS}
    best = max(MEDIANS, key=lambda side: _psnr(medians[side], clean))
    rows: dict[str, Bytes] = {
        "as given": given,
        "restored by the network": restored,
        f"PCA of {size} components": _projected(given, components),
        f"median filter of {best}×{best}": medians[best],
        "clean": clean,
    }
    found = {
        name: "" if pictures is clean else f" ({_psnr(pictures, clean):.2f} dB)" for name, pictures in rows.items()
    }
    scores = ", ".join(f"{name}{psnr}" for name, psnr in found.items())
    evenly = np.linspace(0, len(clean) - 1, min(SHOWN, len(clean))).astype(np.int64)
    shown = np.concatenate([pictures[evenly] for pictures in rows.values()])
    caption = f"{len(clean):,} held-out pictures, from above: {scores}. The median is the better of 3×3 and 5×5."
    return Figure(grid(shown, len(evenly)), caption)


def _psnr(pictures: Bytes, clean: Bytes) -> float:
    meter = ErrorMeter()
    meter.add(unit(pictures), unit(clean))
    return meter.error(0).psnr


def _projected(pictures: Bytes, components: Components) -> Bytes:
    codes = (unit(pictures) - components.mean) @ components.rows.T  # n×K
    restored = codes @ components.rows + components.mean
    return np.round(255 * np.clip(restored, 0, 1)).astype(np.uint8).reshape(pictures.shape)


def _median(picture: Bytes, side: int) -> Bytes:
    return np.asarray(cv2.medianBlur(np.ascontiguousarray(picture), side), np.uint8).reshape(picture.shape)
