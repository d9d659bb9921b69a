"""Where a batch computes its pictures: what every such place offers, and the one on this machine."""

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

_MEMORY = 1 << 30  # bytes that pictures in work may take together; a larger one is alone
_LANES = 2  # files inside the model at once: while one is between two operators, the other keeps the cores busy


@dataclass(frozen=True)
class Settings:
    """How a batch is run.

    Attributes:
        strength: 0..1, for models that can vary it.
        noise: noise level in 8-bit levels, or what knows it, for models that can be given one; ``None``: the model
            estimates it.
        encoding: of pictures; video: of videos.
        overwrite: replace results that exist.
        workers: files in work at once; default the CPUs that may be used and two.
        max_pixels: of one picture.
        deinterlace: interlaced videos become progressive.
        tone_map: HDR videos become SDR.
        temporal: each frame of a video is restored with those before and after it.
        preserve_times: results have the time of change and the permissions of their source.
        enlarger: results of a size that was asked for, in place of what one model gives; ``None``: the model's own.
        chooser: what is done to each picture is chosen from it, in place of one model for all.
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
        """A picture through the model, or through those that the size or the choice asks for, and how the result is to
        be encoded. Raises ``NitidoError``."""
        several = self.chooser or self.enlarger
        if several is None:
            return restore_picture(model, picture, strength=self.strength, noise=self.noise), self.encoding
        result, models = several.restore(picture)
        named = self.encoding.software is not None
        return result, replace(self.encoding, software=software_of(models)) if named else self.encoding

    def growth(self, model: Model, width: int, height: int) -> int:
        """How many times as wide and high a picture becomes on the way. Raises ``CardMismatch``."""
        return model.card.scale if self.enlarger is None else prod(self.enlarger.passes(width, height))


class Abandoned(Exception):
    """The run ends and the video in work is given up; nothing is left of it."""


@dataclass(frozen=True)
class Findings:
    """What is known of a result besides its file.

    notes: a line for whatever of the source is not in it.
    noise: the noise level that was removed, in 8-bit levels; ``None`` where none is known.
    """

    notes: Sequence[str] = ()
    noise: float | None = None


Rendering: TypeAlias = AbstractContextManager[Callable[[BinaryIO], Findings]]
"""A block in which a result is ready; the function writes its file into a binary stream."""


class Engine(Protocol):
    """Turns picture jobs into results; called from several threads at once. Raises ``NitidoError``."""

    @property
    def place(self) -> str:
        """Where it computes, for people."""
        ...

    @property
    def workers(self) -> int:
        """Files worth having in work at once."""
        ...

    def __call__(self, job: Job) -> Rendering: ...


class LocalEngine:
    """Pictures through a model on this machine, in bounded memory."""

    def __init__(self, model: Model, settings: Settings) -> None:
        self._model, self._settings = model, settings
        self.place = model.device
        self.workers = settings.workers or usable_cpus() + 2
        self._budget, self._lanes = MemoryBudget(_MEMORY), threading.Semaphore(_LANES)

    @contextmanager
    def __call__(self, job: Job) -> Iterator[Callable[[BinaryIO], Findings]]:
        kind, settings = format_of(job.target), self._settings
        with PictureFile(job.source, max_pixels=settings.max_pixels) as file:
            # Of Pillow's copy (4 bytes a pixel) and ours (3, and 6 more of 16 bits), before the model and after it.
            each = (7 + 6 * file.deep) * file.width * file.height
            with self._budget.reserve(each * (1 + settings.growth(self._model, file.width, file.height) ** 2)):
                decoded = file.decode()
                with self._lanes:
                    picture, encoding = settings.restored(self._model, decoded)
                unchanged = picture.pixels is decoded.pixels and _writes(encoding, kind, job)

                def write(stream: BinaryIO) -> Findings:
                    if unchanged:  # no generation of JPEG is lost
                        with job.source.open("rb") as source:
                            shutil.copyfileobj(source, stream)
                        return Findings(picture.notes)
                    notes = encode_picture(picture, kind, stream, encoding)
                    return Findings((*picture.notes, *notes), picture.noise)

                yield write


def _writes(encoding: Encoding, kind: str, job: Job) -> bool:
    """Whether the source's own bytes are what was asked for, as long as its pixels stay."""
    return replace(encoding, software=None) == Encoding() and FORMAT_OF.get(job.source.suffix.lower()) == kind
