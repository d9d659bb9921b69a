"""What is measured of a clip: PSNR along it, flicker, and the pulsing of blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from nitido.frames import Frame
from nitido_train.data.degrade import BT601_BGR
from nitido_train.evaluation.metrics import psnr

SETTLED = 12  # the frame, from 1, from which on a clip counts as settled
BLOCK = 16  # pixels
STILL = 2.0  # levels by which the clean luma of a static region changes at most from frame to frame
LEAST = 0.02  # share of static pixels or blocks below which they are not reported


@dataclass(frozen=True)
class Measures:
    """psnr: in dB, of each frame. flicker: mean |Δoutput − Δclean| in 8-bit levels from frame to frame in static
    regions. pulsing: standard deviation over time of the mean luma error of blocks of 16×16 pixels, in 8-bit levels,
    the mean of static blocks. Both of the settled part; ``None`` where hardly anything is static."""

    psnr: tuple[float, ...]
    flicker: float | None
    pulsing: float | None

    @property
    def settled(self) -> float:
        """Mean PSNR in dB from frame ``SETTLED`` on."""
        return float(np.mean(self.psnr[SETTLED - 1 :]))


def measure(outputs: Sequence[Frame], clean: Sequence[Frame]) -> Measures:
    """Compares the frames of a clip with the clean ones."""
    values = tuple(round(psnr(a, b), 3) for a, b in zip(outputs, clean, strict=True))
    out, true = list(outputs)[SETTLED - 1 :], list(clean)[SETTLED - 1 :]
    still = [_still(a, b) for a, b in pairwise(true)]
    return Measures(values, _flicker(out, true, still), _pulsing(out, true, still))


def _flicker(out: Sequence[Frame], clean: Sequence[Frame], still: Sequence[NDArray[np.bool_]]) -> float | None:
    if not still or np.mean(still) < LEAST:
        return None
    errors = [a.astype(np.int16) - b for a, b in zip(out, clean, strict=True)]
    changes = [np.abs(b - a).mean(axis=2)[mask] for (a, b), mask in zip(pairwise(errors), still, strict=True)]
    return round(float(np.concatenate(changes).mean()), 4)


def _pulsing(out: Sequence[Frame], clean: Sequence[Frame], still: Sequence[NDArray[np.bool_]]) -> float | None:
    if len(still) < 2:
        return None
    static = _blocks(np.mean(still, axis=0)) > 0.99
    if static.mean() < LEAST:
        return None
    means = np.stack([_blocks(_luma(a) - _luma(b)) for a, b in zip(out, clean, strict=True)])
    return round(float(means.std(axis=0)[static].mean()), 4)


def _still(one: Frame, other: Frame) -> NDArray[np.bool_]:
    change = np.abs(_luma(one) - _luma(other))
    return np.asarray(cv2.blur(change, (7, 7)), np.float32) < STILL


def _luma(frame: Frame) -> NDArray[np.float32]:
    return np.asarray(frame @ np.asarray(BT601_BGR, np.float32), np.float32)


def _blocks(plane: NDArray[np.floating]) -> NDArray[np.floating]:
    """The means of blocks of a plane H×W, without what is left at its right and lower side."""
    height, width = (length // BLOCK for length in plane.shape)
    cut = plane[: height * BLOCK, : width * BLOCK]
    return cut.reshape(height, BLOCK, width, BLOCK).mean(axis=(1, 3))
