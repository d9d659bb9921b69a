"""Gives results any size: enlarges with the models of the next larger scale, then reduces."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from math import prod
from typing import Any

from nitido import __version__
from nitido.batch.opening import OpenedOnce
from nitido.errors import CardMismatch
from nitido.frames import Frame
from nitido.images.picture import Picture
from nitido.images.resize import OutputSize, reduce_frame, reduce_picture
from nitido.images.restore import restore_picture
from nitido.inference.model import Model

MOST = 8  # the largest enlargement with two models in sequence


def passes_for(factor: float, scales: Collection[int], *, twice: bool) -> tuple[int, ...] | None:
    """Scales with the smallest product that is at least ``factor``; the smaller one first, which is less work.

    Empty if nothing has to be enlarged, ``None`` if the scales are too small. twice: allow two models in sequence.
    """
    if factor <= 1:
        return ()
    enough = [way for way in _ways(scales, twice=twice) if prod(way) >= factor]
    return min(enough, key=lambda way: (prod(way), len(way)), default=None)


def _ways(scales: Collection[int], *, twice: bool) -> list[tuple[int, ...]]:
    """A sequence of models, by their scales."""
    pairs = [(a, b) for a in scales for b in scales if a <= b and a * b <= MOST]
    return [*((scale,) for scale in scales), *(pairs if twice else [])]


def software_of(models: Iterable[Model]) -> str:
    """The text about the producer in a result."""
    return ", ".join([f"nitido {__version__}", *(f"{m.card.name}, sha256 {m.sha256[:12]}" for m in models)])


class Enlarger:
    """The models of one run by scale. Each is opened when it is first needed, in any thread.

    size: the requested size.
    """

    def __init__(
        self, size: OutputSize, digests: Mapping[int, str], open_model: Callable[[int], Model], *, twice: bool = True
    ) -> None:
        """digests: SHA-256 of the available models, by scale. twice: allow two models in sequence."""
        self.size, self._models, self._twice = size, OpenedOnce(open_model), twice
        self._scales = sorted(digests)
        self._digests = [f"×{scale} {digests[scale][:12]}" for scale in self._scales]

    def most(self) -> int:
        """The largest enlargement."""
        return max(prod(way) for way in _ways(self._scales, twice=self._twice))

    def passes(self, width: int, height: int) -> tuple[int, ...]:
        """Scales of the models for a picture of that size. Raises ``CardMismatch``."""
        wanted = self.size.of(width, height)
        factor = max(wanted[0] / width, wanted[1] / height)
        passes = passes_for(factor, self._scales, twice=self._twice)
        if passes is None:
            raise CardMismatch(
                f"{width}×{height} to {wanted[0]}×{wanted[1]} is ×{factor:.4g}, more than the ×{self.most()} of the "
                "models; choose a smaller size, or enlarge the result again"
            )
        return passes

    def model(self, scale: int) -> Model:
        """Raises what opening a model raises."""
        return self._models[scale]

    def restore(self, picture: Picture) -> tuple[Picture, list[Model]]:
        """(the picture in the requested size, the models that were used). A picture that is already larger is reduced,
        with a note. Raises ``CardMismatch``."""
        height, width = picture.pixels.shape[:2]
        wanted = self.size.of(width, height)
        models = [self.model(scale) for scale in self.passes(width, height)]
        result = picture
        for model in models:
            result = restore_picture(model, result)
        result = reduce_picture(result, *wanted)
        if not models:
            same = wanted == (width, height)
            note = "has that size already: not enlarged" if same else "is larger already: reduced without a model"
            result = replace(result, notes=(*result.notes, f"{width}×{height} {note}"))
        return result, models

    def stream(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Enlarges frames of one size H×W×3 to the requested size. Raises ``CardMismatch``."""
        waiting = iter(frames)
        first = next(waiting, None)
        if first is None:
            return
        height, width = first.shape[:2]
        wanted = self.size.of(width, height)
        results: Iterator[Frame] = chain([first], waiting)
        for scale in self.passes(width, height):
            results = self.model(scale).stream(results)
        for image in results:
            yield reduce_frame(image, *wanted)

    def asked(self) -> dict[str, Any]:
        """Everything that results depend on: the size, and the available models."""
        return {**self.size.asked(), "models": self._digests}
