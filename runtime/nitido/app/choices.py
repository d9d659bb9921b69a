"""The choices of a visitor for a picture, and the models and batch settings for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nitido.batch.engine import Settings
from nitido.batch.enlarging import Enlarger, software_of
from nitido.batch.run import Batch
from nitido.errors import CardMismatch
from nitido.images.io import SUFFIX_OF, SUFFIXES, Encoding
from nitido.images.resize import OutputSize
from nitido.inference.model import Model
from nitido.model_file import zoo
from nitido.model_file.zoo import DEJPEG_MODEL

TASKS = ("denoise", "upscale", "jpeg")
QUALITIES = {"fast": "denoise-camera-n", "better": "denoise-camera-s", "best": "denoise-camera-m"}
"""Denoisers of pictures, from the fastest to the slowest."""
SCALES = (1.5, 2.0, 3.0, 4.0)
FORMATS = ("same", "png", "jpeg", "webp", "tiff")


@dataclass(frozen=True)
class Choice:
    """The processing of a picture.

    task: of ``TASKS``. quality: of ``QUALITIES``, for denoising. strength: 0..1.
    noise: noise level in 8-bit levels, 0..255; ``None``: the model estimates it.
    scale: of ``SCALES``, for enlarging. format: of ``FORMATS``.
    """

    task: str = "denoise"
    quality: str = "fast"
    strength: float = 1.0
    noise: float | None = None
    scale: float = 2.0
    format: str = "same"

    @classmethod
    def of(cls, given: object) -> Choice:
        """From JSON. Raises ``CardMismatch`` for anything but the values above."""
        if not isinstance(given, Mapping) or not set(given) <= set(cls.__dataclass_fields__):
            raise CardMismatch("expected an object with task, quality, strength, noise, scale and format")
        choice = cls(**given)
        valid = (
            choice.task in TASKS
            and choice.quality in list(QUALITIES)
            and choice.format in FORMATS
            and choice.scale in SCALES
            and _within(choice.strength, 1)
            and (choice.noise is None or _within(choice.noise, 255))
        )
        if not valid:
            raise CardMismatch(f"expected values that the page offers, found {dict(given)}")
        return choice

    @property
    def kind(self) -> str | None:
        """The format of the result; ``None``: that of the source."""
        return None if self.format == "same" else self.format


def _within(value: object, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most


class Batches:
    """Opens the models of a choice when they are first needed, and keeps them. For one thread."""

    def __init__(self, device: str = "cpu", threads: int | None = None) -> None:
        self._device, self._threads = device, threads
        self._models: dict[str, Model] = {}

    def batch(self, choice: Choice) -> Batch:
        """The batch that runs a job of that choice. Raises ``NitidoError``."""
        if choice.task == "upscale":
            family = zoo.family("upscale")
            digests = {scale: entry.sha256 for scale, entry in family.items()}
            enlarger = Enlarger(OutputSize(choice.scale), digests, lambda scale: self._model(family[scale].name))
            first = self._model(family[min(family)].name)
            return Batch(first, Settings(encoding=_encoding(first), overwrite=True, workers=1, enlarger=enlarger))
        model = self._model(QUALITIES[choice.quality] if choice.task == "denoise" else DEJPEG_MODEL)
        settings = Settings(
            strength=choice.strength if model.has_strength else 1.0,
            noise=choice.noise if choice.task == "denoise" and model.has_noise else None,
            encoding=_encoding(model),
            overwrite=True,
            workers=1,
        )
        return Batch(model, settings)

    def _model(self, name: str) -> Model:
        if name not in self._models:
            # Threads that wait without spinning leave the cores to decoding and encoding.
            self._models[name] = Model(zoo.find(name), self._device, threads=self._threads, spinning=False)
        return self._models[name]


def _encoding(model: Model) -> Encoding:
    return Encoding(software=software_of([model]))


def offered() -> dict[str, Any]:
    """The choices on the page, as plain values."""
    return {
        "tasks": TASKS,
        "qualities": list(QUALITIES),
        "scales": SCALES,
        "formats": [name for name in FORMATS if name == "same" or name in SUFFIX_OF],
        "suffixes": sorted(SUFFIXES),
    }
