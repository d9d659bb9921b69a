"""Facts about latents on the card of a latent model: their number, their distribution, the meaning of labels."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nitido.errors import CardMismatch, FrameMismatch
from nitido.model_file.card import Card
from nitido.wording import count as counted

Vectors = NDArray[np.float32]
Labels = int | str | NDArray[np.int64] | None
"""One class for all, by number or name, or numbers int64 N, one for each; ``None`` for a model without classes."""


@dataclass(frozen=True)
class LatentSpace:
    """The ``latent`` entry of a card, checked.

    name: of the whole model. kind: ``autoencoder``, ``denoising-autoencoder``, ``vae``, ``cvae`` or ``aae``.
    medium: ``picture`` or ``melody``. size: d, the number of values of a latent. mean, std: float32 d, of the latents
    of
    the training set. prior: ``normal`` (latents were trained to look like standard normal ones) or ``none``.
    height, width: of pictures, in pixels. channels: 1 (grey) or 3; the arrays have three either way. steps: T, codes of
    a melody; steps_per_beat: of these codes; lowest, pitches: the MIDI note of code 2, and the number of notes, see
    :mod:`nitido.latent.melody`. labels: names of the classes of a ``cvae``.
    """

    name: str
    kind: str
    medium: str
    size: int
    mean: Vectors = field(repr=False)
    std: Vectors = field(repr=False)
    prior: str
    height: int = 0
    width: int = 0
    channels: int = 3
    steps: int = 0
    steps_per_beat: int = 4
    lowest: int = 55
    pitches: int = 34
    labels: tuple[str, ...] = ()

    @classmethod
    def of(cls, card: Card, origin: str) -> LatentSpace:
        """Reads it from a card. Raises ``CardMismatch`` naming ``origin`` when it is missing or invalid."""
        entry = card.latent
        try:
            space = cls(
                name=re.sub(r"\.(encoder|decoder)\b", "", card.name),
                kind=str(entry["kind"]),
                medium=str(entry["medium"]),
                size=int(entry["size"]),
                mean=np.array(entry["mean"], np.float32),
                std=np.array(entry["std"], np.float32),
                prior=str(entry["prior"]),
                height=int(entry.get("height", 0)),
                width=int(entry.get("width", 0)),
                channels=int(entry.get("channels", 3)),
                steps=int(entry.get("steps", 0)),
                steps_per_beat=int(entry.get("steps_per_beat", 4)),
                lowest=int(entry.get("lowest", 55)),
                pitches=int(entry.get("pitches", 34)),
                labels=tuple(map(str, entry["labels"])) if entry["kind"] == "cvae" else (),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CardMismatch(
                f"{origin}: the card says too little about its latents ({error!r}); export it again"
            ) from None
        shaped = {"picture": min(space.height, space.width) > 0, "melody": space.steps > 0}.get(space.medium, False)
        if not shaped or space.size < 1 or space.mean.shape != (space.size,) or space.std.shape != (space.size,):
            raise CardMismatch(f"{origin}: the card's entries about its latents contradict each other; export it again")
        return space

    @property
    def normal(self) -> bool:
        """Whether latents from a standard normal distribution decode to results like the training set."""
        return self.prior == "normal"

    def label(self, wanted: int | str) -> int:
        """The number of a class by its name or number. Raises ``FrameMismatch`` for an unknown class."""
        if not self.labels:
            raise FrameMismatch(f"{self.name} is a {self.kind} and knows no classes; leave out the class")
        if isinstance(wanted, str):
            if wanted in self.labels:
                return self.labels.index(wanted)
            number = int(wanted) if wanted.isdecimal() else -1
        else:
            number = int(wanted)
        if not 0 <= number < len(self.labels):
            shown = ", ".join(self.labels[:20]) + (", …" if len(self.labels) > 20 else "")
            raise FrameMismatch(f"{self.name} has no class {wanted}: expected one of {shown}")
        return number

    def label_numbers(self, labels: Labels, count: int) -> NDArray[np.int64] | None:
        """int64 N, the class of each of ``count`` pictures or latents; ``None`` for a model without classes. Raises
        ``FrameMismatch`` when a class is missing, superfluous or unknown."""
        if labels is None:
            if self.labels:
                raise FrameMismatch(f"{self.name} needs a class: one of {len(self.labels)} from {self.labels[0]} on")
            return None
        if isinstance(labels, (int, str, np.integer)):
            return np.full(count, self.label(labels if isinstance(labels, str) else int(labels)), np.int64)
        numbers = np.asarray(labels)
        if numbers.shape != (count,) or numbers.dtype.kind not in "iu":
            raise FrameMismatch(f"expected {counted(count, 'class number')}, found {numbers.dtype} {numbers.shape}")
        for number in np.unique(numbers):
            self.label(int(number))
        return numbers.astype(np.int64)
