"""Chooses for each picture what it needs: nothing, JPEG artefacts removed, noise removed, or both.

The limits were fitted on pictures with known noise levels and JPEG qualities. ``benchmarks/choosing.py`` measures the
gain on other pictures.
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

GRAIN = 1.8  # noise level from which on a picture is noisy; less is film grain, or hardly visible
GRAIN_OF_JPEG = 1.5  # the same for JPEG files, which lose some noise when they are saved
STRONG = 5.8  # noise level from which on the denoiser alone is better: it was trained with JPEG after noise
UNHURT = level_of_quality(93)  # error in levels below which JPEG artefacts stay, because removing them could do harm


class Need(Enum):
    """The processing of a picture."""

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
    """The two models of one run. Each is opened when it is first needed, in any thread."""

    def __init__(self, digests: Mapping[Need, str], open_model: Callable[[Need], Model]) -> None:
        """digests: SHA-256 of the models for ``Need.ARTEFACTS`` and ``Need.NOISE``. open_model: opens one."""
        self._digests, self._models = digests, OpenedOnce(open_model)

    def model(self, need: Need) -> Model:
        """need: ``Need.ARTEFACTS`` or ``Need.NOISE``. Raises the same as opening a model."""
        return self._models[need]

    def need_of(self, picture: Picture) -> tuple[Need, str]:
        """(what the picture needs, the reason for people)."""
        choice = self._choose(picture)
        return choice.need, choice.why

    def restore(self, picture: Picture) -> tuple[Picture, list[Model]]:
        """(the processed picture, the models that were used), with a note about the choice and its reason. A picture
        that needs nothing keeps its array."""
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
        found = f"grain of {grain:.1f} in smooth parts, {limit} or more is noise"
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
        """Everything that results depend on: the models, and the limits of the choice."""
        return {
            "models": [self._digests[need][:12] for need in (Need.ARTEFACTS, Need.NOISE)],
            "limits": [GRAIN, GRAIN_OF_JPEG, STRONG, round(UNHURT, 3)],
        }
