"""Anomalies: what a model that knows good pictures only cannot give back as it was.

    inspect = open_inspector("part.onnx")    # a model with a threshold, see `nitido anomaly fit`
    found = inspect(picture)                 # uint8 H×W×3 BGR
    found.anomalous, found.score, found.regions

The heat of a pixel is the root mean square difference, in 8-bit levels, between the picture and what the model returns,
over a small box around it and the three colours. A picture's score is its greatest heat (``peak``) or that of the whole
(``mean``); it is an anomaly above the threshold that was fitted on good pictures.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from nitido.anomaly.reconstruction import Pair, Reconstruction
from nitido.errors import CardMismatch, SourceUnavailable
from nitido.frames import Frame
from nitido.model_file.card import PREFIX
from nitido.model_file.properties import read_metadata, stamp
from nitido.system.files import write_whole

THRESHOLD = PREFIX + "anomaly"
POOLS = ("peak", "mean")
FEWEST = 2  # good pictures to fit a threshold on
REGIONS = 10  # of one picture that are told, the hottest first

Heat: TypeAlias = NDArray[np.float32]
"""float32 H×W, 0..255: how far each place is from what the model expects, in 8-bit levels."""


@dataclass(frozen=True)
class Measure:
    """How heat and score are taken. blur: side of the box in pixels, odd. pool: ``peak`` or ``mean``."""

    blur: int = 3
    pool: str = "peak"

    def __post_init__(self) -> None:
        if self.blur < 1 or self.blur % 2 == 0 or self.pool not in POOLS:
            raise ValueError(f"expected an odd blur and one of {', '.join(POOLS)}; found {self.blur}, {self.pool}")

    @classmethod
    def usual(cls, reconstruction: Reconstruction) -> Measure:
        """What suits a model: small faults stand out of what a restoring one returns, while an autoencoder is a little
        off everywhere and much on what it does not know."""
        return cls(pool="mean") if reconstruction.latent else cls()

    def heat(self, pair: Pair) -> Heat:
        """The heat of each pixel of a picture and its reconstruction."""
        difference = cv2.absdiff(pair.given, pair.returned).astype(np.float32)
        squares = np.einsum("hwc,hwc->hw", difference, difference) / np.float32(3)
        return np.sqrt(np.maximum(cv2.blur(squares, (self.blur, self.blur)), 0), dtype=np.float32)

    def score(self, heat: Heat) -> float:
        """The score of a picture from its heat."""
        return float(heat.max()) if self.pool == "peak" else math.sqrt(float(np.mean(np.square(heat))))


@dataclass(frozen=True)
class Threshold:
    """What was fitted on good pictures and lies in the model's metadata as ``nitido.anomaly``.

    score: a picture above it is an anomaly: the ``quantile`` of the good scores, times 1 + ``margin``. heat: a place
    above it is shown as a region: likewise of the good pictures' greatest heats. pictures: how many good ones; mean and
    std: of their scores; size: (height, width) of the first. measure: how scores are taken.
    """

    score: float
    heat: float
    quantile: float
    margin: float
    pictures: int
    mean: float
    std: float
    size: tuple[int, int]
    measure: Measure = field(default_factory=Measure)

    def fits(self, reconstruction: Reconstruction, picture: Frame) -> bool:
        """Whether a picture has the size that this was fitted on; for a model with a size of its own any has."""
        return reconstruction.size is not None or picture.shape[:2] == self.size

    @property
    def enough(self) -> int:
        """How many good pictures it takes for the quantile to be anything but the largest score."""
        return math.ceil(1 / (1 - self.quantile)) if self.quantile < 1 else 2

    def to_text(self) -> str:
        """As it stands in the metadata: JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str, origin: str) -> Threshold:
        """Raises ``CardMismatch`` naming ``origin`` when it cannot be read."""
        try:
            entry = json.loads(text)
            size = (int(entry["size"][0]), int(entry["size"][1]))
            return cls(**{**entry, "size": size, "measure": Measure(**entry["measure"])})
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise CardMismatch(
                f"{origin}: its anomaly threshold cannot be read ({error}); fit it again: nitido anomaly fit"
            ) from error


class Region(NamedTuple):
    """A place that is hot: its box in pixels of the picture, and its greatest heat."""

    x: int
    y: int
    width: int
    height: int
    heat: float


@dataclass(frozen=True)
class Inspection:
    """What was found in a picture. threshold: what the score is compared with. heat: float32 H×W as the picture.
    regions: the hottest places, none of a picture that is all right."""

    score: float
    threshold: Threshold
    heat: Heat = field(repr=False)
    regions: list[Region]

    @property
    def anomalous(self) -> bool:
        return self.score > self.threshold.score

    @property
    def verdict(self) -> str:
        """``ok`` or ``anomaly``."""
        return "anomaly" if self.anomalous else "ok"


class Inspector:
    """A reconstruction with its threshold, as a function from picture to :class:`Inspection`."""

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
    """Opens a model that holds a threshold. device, threads: as for :func:`nitido.load`. Raises ``ModelNotFound``,
    ``CardMismatch`` for one without a threshold or for another task, ``ProviderUnavailable``."""
    reconstruction = Reconstruction(name_or_path, device, threads=threads)
    text = read_metadata(reconstruction.path.read_bytes()).get(THRESHOLD)
    if text is None:
        raise CardMismatch(
            f"{reconstruction.path} holds no threshold yet; fit it on good pictures first: "
            f"nitido anomaly fit GOOD/ --model {name_or_path} -o part.onnx"
        )
    return Inspector(reconstruction, Threshold.from_text(text, str(reconstruction.path)))


def fit_threshold(
    reconstruction: Reconstruction,
    pictures: Iterable[Frame],
    *,
    measure: Measure | None = None,
    quantile: float = 0.99,
    margin: float = 0.1,
) -> Threshold:
    """The threshold that good pictures, uint8 H×W×3 BGR, suggest. They should be such as the model was not trained on.

    measure: default what suits the model. quantile: 0..1, of the good scores, the larger of two neighbours; margin:
    added to it as a share of itself. Raises ``SourceUnavailable`` for fewer than two pictures.
    """
    measure = measure or Measure.usual(reconstruction)
    scores: list[float] = []
    peaks: list[float] = []
    size = (0, 0)
    for picture in pictures:
        heat = measure.heat(reconstruction(picture))
        scores.append(measure.score(heat))
        peaks.append(float(heat.max()))
        size = size if len(scores) > 1 else (picture.shape[0], picture.shape[1])
    if len(scores) < FEWEST:
        raise SourceUnavailable(
            f"expected at least {FEWEST} good pictures to fit a threshold on, better a hundred; found {len(scores)}"
        )
    score, heat = (float(np.quantile(values, quantile, method="higher")) * (1 + margin) for values in (scores, peaks))
    return Threshold(
        # A model that returns all of them to the bit would otherwise call any difference an anomaly.
        score=round(max(score, 1.0), 3),
        heat=round(max(heat, 1.0), 3),
        quantile=quantile,
        margin=margin,
        pictures=len(scores),
        mean=round(float(np.mean(scores)), 3),
        std=round(float(np.std(scores)), 3),
        size=size,
        measure=measure,
    )


def write_fitted(reconstruction: Reconstruction, threshold: Threshold, output: Path) -> list[Path]:
    """Writes a copy of the model with the threshold in it and returns its files: ``output``, or for the halves of an
    autoencoder ``part.encoder.onnx`` (which has it) and ``part.decoder.onnx`` for an output ``part.onnx``.

    What is there before is replaced. Raises ``SinkUnavailable``.
    """
    targets = fitted_files(reconstruction, output)
    for file, target in zip(reconstruction.files, targets, strict=True):
        content = file.read_bytes()
        if file == reconstruction.path:
            content = stamp(content, {THRESHOLD: threshold.to_text()})
        write_whole(target, content)
    return targets


def fitted_files(reconstruction: Reconstruction, output: Path) -> list[Path]:
    """The files that :func:`write_fitted` would write."""
    if len(reconstruction.files) == 1:
        return [output]
    stem = output.name.removesuffix(".onnx").removesuffix(".encoder").removesuffix(".decoder")
    return [output.with_name(f"{stem}.{part}.onnx") for part in ("encoder", "decoder")]


def find_regions(heat: Heat, limit: float) -> list[Region]:
    """Boxes around the places of ``heat`` above ``limit``, each as far as it is above half of that; at most
    ``REGIONS``, the hottest first. When none is above the limit, the hottest."""
    limit = min(limit, 0.99 * float(heat.max()))
    mask = (heat > limit / 2).astype(np.uint8)
    # What lies close together is one fault.
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
    """The heat in the size of the picture: where the model saw it, and 0 outside."""
    rows, columns = pair.window
    tall, wide = rows.stop - rows.start, columns.stop - columns.start
    if heat.shape == size == (tall, wide):
        return heat
    result = np.zeros(size, np.float32)
    result[rows, columns] = cv2.resize(heat, (wide, tall), interpolation=cv2.INTER_LINEAR)
    return result
