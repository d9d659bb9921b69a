"""Finds anomalies: the parts of a picture that a model of good pictures cannot reproduce.

    inspect = open_inspector("part.onnx")    # a model with a threshold, see `nitido anomaly fit`
    found = inspect(picture)                 # uint8 H×W×3 BGR
    found.anomalous, found.score, found.regions

The heat of a pixel is the root mean square difference, in 8-bit levels, between the picture and the model's result,
over a small box around the pixel and the three colours. A picture's score is its greatest heat (``peak``) or that of
the whole picture (``mean``). A picture with a score above the threshold, which was fitted on good pictures, is an
anomaly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from nitido.anomaly.reconstruction import Pair, Reconstruction
from nitido.anomaly.threshold import PROPERTY, Heat, Threshold
from nitido.errors import CardMismatch
from nitido.frames import Frame
from nitido.model_file.properties import read_properties

REGIONS = 10  # largest number of regions for one picture, the hottest first


class Region(NamedTuple):
    """A hot place: its box in pixels of the picture, and its greatest heat."""

    x: int
    y: int
    width: int
    height: int
    heat: float


@dataclass(frozen=True)
class Inspection:
    """The result for a picture.

    Attributes:
        score: compared with the threshold, in 8-bit levels.
        threshold: of the model.
        heat: float32 H×W, as large as the picture.
        regions: the hottest places; empty for a good picture.
    """

    score: float
    threshold: Threshold
    heat: Heat = field(repr=False)
    regions: list[Region]

    @property
    def anomalous(self) -> bool:
        """Whether the score is above the threshold."""
        return self.score > self.threshold.score

    @property
    def verdict(self) -> str:
        """``ok`` or ``anomaly``."""
        return "anomaly" if self.anomalous else "ok"


class Inspector:
    """A reconstruction with its threshold: call it with a picture to get an :class:`Inspection`."""

    def __init__(self, reconstruction: Reconstruction, threshold: Threshold) -> None:
        self.reconstruction, self.threshold = reconstruction, threshold

    def __call__(self, picture: Frame) -> Inspection:
        """Inspects a picture uint8 H×W×3 BGR. Raises ``FrameMismatch``, or ``NitidoError`` when the model fails."""
        pair = self.reconstruction(picture)
        small = self.threshold.measure.heat(pair)
        score = self.threshold.measure.score(small)
        heat = _spread(small, pair, picture.shape[:2])
        hot = score > self.threshold.score
        return Inspection(score, self.threshold, heat, find_regions(heat, self.threshold.heat) if hot else [])


def open_inspector(name_or_path: str | Path, device: str = "auto", *, threads: int | None = None) -> Inspector:
    """Opens a model that contains a threshold.

    Args:
        name_or_path: name or file of the model.
        device: as for :func:`nitido.load`.
        threads: CPU threads of one operator.

    Raises:
        ModelNotFound: there is no such name or file.
        CardMismatch: the model has no threshold, or is for another task.
        ProviderUnavailable: the device cannot be used.
    """
    reconstruction = Reconstruction(name_or_path, device, threads=threads)
    text = read_properties(reconstruction.path.read_bytes()).get(PROPERTY)
    if text is None:
        raise CardMismatch(
            f"{reconstruction.path} has no threshold yet; fit one on good pictures first: "
            f"nitido anomaly fit GOOD/ --model {name_or_path} -o part.onnx"
        )
    return Inspector(reconstruction, Threshold.from_text(text, str(reconstruction.path)))


def find_regions(heat: Heat, limit: float) -> list[Region]:
    """Boxes around the places of ``heat`` above ``limit``, each as far as the heat is above half of it; at most
    ``REGIONS``, the hottest first. If no place is above the limit, the box of the hottest place."""
    limit = min(limit, 0.99 * float(heat.max()))
    mask = (heat > limit / 2).astype(np.uint8)
    # Places that are close together are one fault.
    joined = cv2.dilate(mask, np.ones((5, 5), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
    found: list[Region] = []
    for label in range(1, count):
        left, top, width, height = (int(v) for v in stats[label, :4])
        box = (slice(top, top + height), slice(left, left + width))
        own = (labels[box] == label) & (mask[box] > 0)
        hottest = float(heat[box][own].max())
        if hottest <= limit:
            continue
        rows, columns = np.flatnonzero(own.any(axis=1)), np.flatnonzero(own.any(axis=0))
        found.append(
            Region(
                left + int(columns[0]),
                top + int(rows[0]),
                int(columns[-1] - columns[0]) + 1,
                int(rows[-1] - rows[0]) + 1,
                round(hottest, 2),
            )
        )
    return sorted(found, key=lambda region: -region.heat)[:REGIONS]


def _spread(heat: Heat, pair: Pair, size: tuple[int, int]) -> Heat:
    """The heat in the size of the picture; 0 where the model did not see it."""
    rows, columns = pair.window
    tall, wide = rows.stop - rows.start, columns.stop - columns.start
    if heat.shape == size == (tall, wide):
        return heat
    result = np.zeros(size, np.float32)
    result[rows, columns] = cv2.resize(heat, (wide, tall), interpolation=cv2.INTER_LINEAR)
    return result
