"""Engines that compute the pictures of a batch: their interface, and the one on this machine."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from math import prod
from typing import BinaryIO, Protocol, TypeAlias

from nitido.batch.choosing import Chooser
from nitido.batch.enlarging import Enlarger, software_of
from nitido.batch.plan import Job
from nitido.images.io import FORMAT_OF, MAX_PIXELS, Encoding, PictureFile, encode_picture, format_of
from nitido.images.picture import Picture
from nitido.images.restore import restore_picture
from nitido.inference.levels import Noise
from nitido.inference.model import Model
from nitido.system.cpus import usable_cpus
from nitido.system.memory_budget import MemoryBudget
from nitido.video.formats import Encoding as VideoEncoding

_MEMORY = 1 << 30  # memory budget of all pictures in progress, in bytes; a larger picture is processed alone
_LANES = 2  # files in the model at the same time: while one is between two operators, the other keeps the cores busy


@dataclass(frozen=True)
class Settings:
    """How a batch is run.

    Attributes:
        strength: 0..1, for models that can vary it.
        noise: noise level in 8-bit levels, or an object that knows it, for models that take one; ``None``: the model
        estimates it.
        encoding: of pictures; video: of videos.
        overwrite: replace results that exist.
        workers: files in progress at the same time; default: usable CPUs + 2.
        max_pixels: of one picture.
        deinterlace: interlaced videos become progressive.
        tone_map: HDR videos become SDR.
        temporal: each frame of a video is restored with the frames before and after it.
        preserve_times: results get the modification time and the permissions of their source.
        enlarger: gives results a requested size; ``None``: results have the size that the model gives.
        chooser: chooses the processing for each picture; ``None``: one model for all.
    """

    strength: float = 1.0
    encoding: Encoding = field(default_factory=Encoding)
    overwrite: bool = False
    workers: int | None = None
    max_pixels: int = MAX_PIXELS
    video: VideoEncoding = field(default_factory=VideoEncoding)
    deinterlace: bool = True
    tone_map: bool = False
    temporal: bool = False
    preserve_times: bool = False
    noise: Noise | None = None
    enlarger: Enlarger | None = None
    chooser: Chooser | None = None

    def restored(self, model: Model, picture: Picture) -> tuple[Picture, Encoding]:
        """Runs a picture through the model, or through those for the size or the choice; returns the result and how to
        encode it. Raises ``NitidoError``."""
        several = self.chooser or self.enlarger
        if several is None:
            return restore_picture(model, picture, strength=self.strength, noise=self.noise), self.encoding
        result, models = several.restore(picture)
        named = self.encoding.software is not None
        return result, replace(self.encoding, software=software_of(models)) if named else self.encoding

    def growth(self, model: Model, width: int, height: int) -> int:
        """The largest factor by which a picture is enlarged during processing. Raises ``CardMismatch``."""
        return model.card.scale if self.enlarger is None else prod(self.enlarger.passes(width, height))


class Abandoned(Exception):
    """The run ends and the current video is abandoned; nothing of it is kept."""


@dataclass(frozen=True)
class Findings:
    """Facts about a result besides its file.

    notes: a line for everything of the source that it lacks.
    noise: the noise level that was removed, in 8-bit levels; ``None`` if not known.
    """

    notes: Sequence[str] = ()
    noise: float | None = None


Rendering: TypeAlias = AbstractContextManager[Callable[[BinaryIO], Findings]]
"""A block in which a result is ready; its function writes the file to a binary stream."""


class Engine(Protocol):
    """Computes the results of picture jobs; called from several threads at the same time. Raises ``NitidoError``."""

    @property
    def place(self) -> str:
        """The place of the computation, for people."""
        ...

    @property
    def workers(self) -> int:
        """The best number of files in progress at the same time."""
        ...

    def __call__(self, job: Job) -> Rendering: ...


class LocalEngine:
    """Processes pictures on this machine, in bounded memory."""

    def __init__(self, model: Model, settings: Settings) -> None:
        self._model, self._settings = model, settings
        self.place = model.device
        self.workers = settings.workers or usable_cpus() + 2
        self._budget, self._lanes = MemoryBudget(_MEMORY), threading.Semaphore(_LANES)

    @contextmanager
    def __call__(self, job: Job) -> Iterator[Callable[[BinaryIO], Findings]]:
        kind, settings = format_of(job.target), self._settings
        with PictureFile(job.source, max_pixels=settings.max_pixels) as file:
            # Pillow's copy (4 bytes per pixel) and ours (3, and 6 more with 16 bits), before and after the model.
            each = (7 + 6 * file.deep) * file.width * file.height
            with self._budget.reserve(each * (1 + settings.growth(self._model, file.width, file.height) ** 2)):
                decoded = file.decode()
                with self._lanes:
                    picture, encoding = settings.restored(self._model, decoded)
                unchanged = picture.pixels is decoded.pixels and _writes(encoding, kind, job)

                def write(stream: BinaryIO) -> Findings:
                    if unchanged:  # avoids a further loss by JPEG
                        with job.source.open("rb") as source:
                            shutil.copyfileobj(source, stream)
                        return Findings(picture.notes)
                    notes = encode_picture(picture, kind, stream, encoding)
                    return Findings((*picture.notes, *notes), picture.noise)

                yield write


def _writes(encoding: Encoding, kind: str, job: Job) -> bool:
    """Whether the source's bytes are a valid result if its pixels do not change."""
    return replace(encoding, software=None) == Encoding() and FORMAT_OF.get(job.source.suffix.lower()) == kind
