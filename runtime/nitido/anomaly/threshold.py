"""The largest allowed difference of a picture from its reconstruction: how it is measured, and how it is fitted."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from nitido.anomaly.drift import thin
from nitido.anomaly.reconstruction import Pair, Reconstruction
from nitido.errors import CardMismatch, SourceUnavailable
from nitido.frames import Frame
from nitido.model_file.card import PREFIX
from nitido.model_file.properties import with_properties
from nitido.system.files import write_whole

PROPERTY = PREFIX + "anomaly"
POOLS = ("peak", "mean")
HIGHEST = 255.0  # largest possible heat of a pixel, in 8-bit levels
FEWEST = 2  # smallest number of good pictures for fitting a threshold

Heat: TypeAlias = NDArray[np.float32]
"""float32 H×W, 0..255: the difference of each place from the model's result, in 8-bit levels."""


@dataclass(frozen=True)
class Measure:
    """How heat and score are computed. blur: side of the box in pixels, odd. pool: ``peak`` or ``mean``."""

    blur: int = 3
    pool: str = "peak"

    def __post_init__(self) -> None:
        if self.blur < 1 or self.blur % 2 == 0 or self.pool not in POOLS:
            raise ValueError(f"expected an odd blur and one of {', '.join(POOLS)}; found {self.blur}, {self.pool}")

    @classmethod
    def usual(cls, reconstruction: Reconstruction) -> Measure:
        """The best measure for a model. In the results of a restoring model, small faults stand out; an autoencoder
        differs a little everywhere, and much from pictures that it does not know."""
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
    """A threshold that was fitted on good pictures, stored in the model file's property ``nitido.anomaly``.

    score: pictures above it are anomalies. It is the ``quantile`` of the good scores, times 1 + ``margin``. heat:
    places above it are shown as regions; computed in the same way from the good pictures' greatest heats. pictures:
    number of good pictures; mean and std: of their scores; size: (height, width) of the first. measure: how scores are
    computed. scores: those of the good pictures, ascending, at most a thousand, for the drift alarm; files of older
    versions have none.
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
    scores: tuple[float, ...] = field(default=(), repr=False)

    def fits(self, reconstruction: Reconstruction, size: tuple[int, ...]) -> bool:
        """Whether the threshold was fitted on pictures of that size (height, width); always true for a model of fixed
        size."""
        return reconstruction.size is not None or size == self.size

    @property
    def enough(self) -> int:
        """The number of good pictures from which on the quantile is not simply the largest score."""
        return math.ceil(1 / (1 - self.quantile)) if self.quantile < 1 else 2

    def to_text(self) -> str:
        """The property: JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str, origin: str) -> Threshold:
        """Raises ``CardMismatch`` naming ``origin`` when it cannot be read."""
        try:
            entry = json.loads(text)
            size = (int(entry["size"][0]), int(entry["size"][1]))
            scores = tuple(map(float, entry.get("scores", ())))
            return cls(**{**entry, "size": size, "measure": Measure(**entry["measure"]), "scores": scores})
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise CardMismatch(
                f"{origin}: its anomaly threshold cannot be read ({error}); fit it again: nitido anomaly fit"
            ) from error


def fit_threshold(
    reconstruction: Reconstruction,
    pictures: Iterable[Frame],
    *,
    measure: Measure | None = None,
    quantile: float = 0.99,
    margin: float = 0.1,
) -> Threshold:
    """Computes a threshold from good pictures that the model was not trained on.

    Args:
        reconstruction: the model.
        pictures: uint8 BGR, H×W×3.
        measure: how pictures are scored. Default: the best measure for the model.
        quantile: 0 to 1, of the scores of the good pictures; the larger of two neighbours is taken.
        margin: added to the quantile, as a share of it, at most half the way to the highest possible score.

    Raises:
        SourceUnavailable: fewer than two pictures.
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
    score, heat = (
        _with_margin(float(np.quantile(values, quantile, method="higher")), margin) for values in (scores, peaks)
    )
    return Threshold(
        # Otherwise, if a model returns all of them exactly, any difference would be an anomaly.
        score=round(max(score, 1.0), 3),
        heat=round(max(heat, 1.0), 3),
        quantile=quantile,
        margin=margin,
        pictures=len(scores),
        mean=round(float(np.mean(scores)), 3),
        std=round(float(np.std(scores)), 3),
        size=size,
        measure=measure,
        scores=thin(scores),
    )


def _with_margin(score: float, margin: float) -> float:
    """The score plus its margin. Scores of good pictures may be close to the highest possible one. Without the limit,
    the threshold would then be above all scores, and nothing could be an anomaly."""
    return min(score * (1 + margin), (score + HIGHEST) / 2)


def write_fitted(reconstruction: Reconstruction, threshold: Threshold, output: Path) -> list[Path]:
    """Writes a copy of the model with the threshold in it. An existing file is replaced.

    Args:
        reconstruction: the model.
        threshold: what :func:`fit_threshold` returned.
        output: the file. For an autoencoder and ``part.onnx``, ``part.encoder.onnx`` (which has the threshold) and
            ``part.decoder.onnx`` are written.

    Returns:
        The files.

    Raises:
        SinkUnavailable: a file cannot be written.
    """
    targets = fitted_files(reconstruction, output)
    for file, target in zip(reconstruction.files, targets, strict=True):
        content = file.read_bytes()
        if file == reconstruction.path:
            content = with_properties(content, {PROPERTY: threshold.to_text()})
        write_whole(target, content)
    return targets


def fitted_files(reconstruction: Reconstruction, output: Path) -> list[Path]:
    """The files that :func:`write_fitted` would write."""
    if len(reconstruction.files) == 1:
        return [output]
    stem = output.name.removesuffix(".onnx").removesuffix(".encoder").removesuffix(".decoder")
    return [output.with_name(f"{stem}.{part}.onnx") for part in ("encoder", "decoder")]
