"""What a picture needs, chosen from the picture: nothing, JPEG artefacts removed, noise removed, or both.

The limits were fitted on pictures with noise of known levels and JPEG of known qualities; ``benchmarks/choosing.py``
measures what the choice gains on others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from nitido.batch.opening import OpenedOnce
from nitido.images.compression import level_of_quality
from nitido.images.grain import grain_of
from nitido.images.picture import Picture
from nitido.images.restore import restore_picture
from nitido.inference.model import WHOLE_PIXELS, Model

GRAIN = 1.8  # from here on a picture is noisy: less is grain of film, or hardly seen
GRAIN_OF_JPEG = 1.5  # the same for JPEG files, which lose some of their noise when they are saved
STRONG = 5.8  # noise level from which a model against noise does better alone: it knows JPEG after noise
UNHURT = level_of_quality(93)  # JPEG of less than this is left alone: what was clean before is not known


class Need(Enum):
    """What is done to a picture."""

    NOTHING = "left as it is"
    ARTEFACTS = "JPEG artefacts removed"
    NOISE = "noise removed"
    BOTH = "JPEG artefacts, then noise removed"


@dataclass(frozen=True)
class _Choice:
    """need: what is done. why: for people. denoised: the picture without noise, where the choice took that."""

    need: Need
    why: str
    denoised: Picture | None = None


class Chooser:
    """The two models of one run, each opened when it is first needed, from any thread."""

    def __init__(self, digests: Mapping[Need, str], open_model: Callable[[Need], Model]) -> None:
        """digests: SHA-256 of the models for ``Need.ARTEFACTS`` and ``Need.NOISE``. open_model: opens one."""
        self._digests, self._models = digests, OpenedOnce(open_model)

    def model(self, need: Need) -> Model:
        """need: ``Need.ARTEFACTS`` or ``Need.NOISE``. Raises what opening a model raises."""
        return self._models[need]

    def need_of(self, picture: Picture) -> tuple[Need, str]:
        """(what the picture needs, why: for people)."""
        choice = self._choose(picture)
        return choice.need, choice.why

    def restore(self, picture: Picture) -> tuple[Picture, list[Model]]:
        """(the picture with what it needs done to it, the models that it went through), with a note that says what was
        chosen and why. A picture that needs nothing keeps the very array it had."""
        choice = self._choose(picture)
        need = choice.need
        models, result = [], picture
        if need in (Need.ARTEFACTS, Need.BOTH):
            models.append(self.model(Need.ARTEFACTS))
            result = restore_picture(models[-1], result)
        if need in (Need.NOISE, Need.BOTH):
            models.append(self.model(Need.NOISE))
            result = choice.denoised or restore_picture(models[-1], result)
        named = f" ({', '.join(model.card.name for model in models)})" if models else ""
        return replace(result, notes=(*result.notes, f"{need.value}{named}: {choice.why}")), models

    def _choose(self, picture: Picture) -> _Choice:
        level, grain = picture.compression, grain_of(picture.pixels)
        compressed = level is not None and level >= UNHURT
        limit = GRAIN if level is None else GRAIN_OF_JPEG
        found = f"grain of {grain:.1f} in smooth parts, which is noise from {limit} on"
        if level is not None:
            found = f"JPEG with an error of about {level:.1f} levels, {found}"
        if grain < limit:
            return _Choice(Need.ARTEFACTS if compressed else Need.NOTHING, found)
        if not compressed:
            return _Choice(Need.NOISE, found)
        model = self.model(Need.NOISE)
        if picture.pixels[..., 0].size > WHOLE_PIXELS:  # a few crops show the level
            noise = model.noise_level(picture.pixels)
            strong = noise >= STRONG
            denoised = restore_picture(model, picture, noise=noise) if strong else None
        else:  # the level is found while the noise is removed
            denoised = restore_picture(model, picture)
            strong = denoised.noise is not None and denoised.noise >= STRONG
        return _Choice(Need.NOISE, found, denoised) if strong else _Choice(Need.BOTH, found)

    def asked(self) -> dict[str, Any]:
        """What distinguishes the results of one run from those of another: the models, and the limits of the choice."""
        return {
            "models": [self._digests[need][:12] for need in (Need.ARTEFACTS, Need.NOISE)],
            "limits": [GRAIN, GRAIN_OF_JPEG, STRONG, round(UNHURT, 3)],
        }
