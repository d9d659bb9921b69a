"""Whether pictures are like those that a latent model was trained on, judged by how well it gives them back.

Latents alone do not say it: those of photographs lie in the middle of a space of digits. What the decoder makes of them
does: it is a digit, and farther from the photograph than one flat grey would be.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from nitido.frames import Frame
from nitido.latent.autoencoder import Decoder
from nitido.latent.space import Labels, Vectors

_OF_EACH_BATCH = 8
_MEASURED = ("PSNR", "reconstruction")  # metric and condition of a row of a card's evaluation
# Of 3000 digits of the MNIST test set none is this bad with a shipped model of digits; of 150 photographs 85 % are with
# vae-digits, 99 % with the others.
_TIMES_THE_USUAL_ERROR = 2.0
_TIMES_THE_CONTRAST = 1.0


class Familiarity:
    """Takes in pictures with their latents, and says in the end whether they are like the training's.

    decoder: of the model. label: for a ``cvae``, the class of all pictures.
    """

    def __init__(self, decoder: Decoder, label: Labels = None) -> None:
        self._decoder, self._label = decoder, label
        self._usual = _usual_error(decoder)
        self._errors: list[float] = []  # root of the mean square, in levels
        self._contrasts: list[float] = []  # standard deviation of the picture, in levels

    def add(self, frames: Frame, means: Vectors) -> None:
        """Takes in pictures uint8 N×H×W×3 and their latents float32 N×d; looks at the first few."""
        given = frames[:_OF_EACH_BATCH].astype(np.float32)
        returned = self._decoder(means[:_OF_EACH_BATCH], self._label)
        self._errors += np.sqrt(np.mean((returned - given) ** 2, axis=(1, 2, 3))).tolist()
        self._contrasts += np.std(given, axis=(1, 2, 3)).tolist()

    def warning(self) -> str:
        """One line when most of the pictures are given back worse than one flat grey would be, and much worse than the
        model's own test pictures; empty otherwise."""
        if not self._errors:
            return ""
        error = float(np.median(self._errors))
        worse = float(np.median(np.array(self._errors) / np.maximum(self._contrasts, 1.0)))
        if worse <= _TIMES_THE_CONTRAST or error <= _TIMES_THE_USUAL_ERROR * self._usual:
            return ""
        space, data = self._decoder.space, self._decoder.card.training.get("data", "")
        kind = "grey" if space.channels == 1 else "colour"
        trained = f"{kind} pictures of {space.width}×{space.height}" + (f", {data}" if data else "")
        return (
            f"these pictures are unlike those that {space.name} was trained on ({trained}): it gives them back worse "
            "than one flat grey, so their latents and distances say little"
        )


def _usual_error(decoder: Decoder) -> float:
    """The error in levels that the card reports for the model's test pictures; 0 when it reports none."""
    found = [row["value"] for row in decoder.card.evaluation if (row["metric"], row["condition"]) == _MEASURED]
    return 255 / sqrt(10 ** (found[0] / 10)) if found else 0.0
