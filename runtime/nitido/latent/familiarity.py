"""Tests whether pictures are like those that a latent model was trained on, by the quality of their reconstructions.

Latents alone do not show it: those of photographs lie in the middle of a space of digits. But the decoder makes a digit
from them, which differs more from the photograph than uniform grey would.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from nitido.frames import Frame
from nitido.latent.autoencoder import Decoder
from nitido.latent.space import Labels, Vectors

_OF_EACH_BATCH = 8
_MEASURED = ("PSNR", "reconstruction")  # metric and condition of a row of a card's evaluation
# None of 3000 digits of the MNIST test set is this bad with a shipped model of digits. Of 150 photographs, 85 % are
# with vae-digits and 99 % with the others.
_TIMES_THE_USUAL_ERROR = 2.0
_TIMES_THE_CONTRAST = 1.0


class Familiarity:
    """Takes pictures with their latents, and reports at the end whether they are like those of the training.

    decoder: of the model. label: for a ``cvae``, the class of all pictures.
    """

    def __init__(self, decoder: Decoder, label: Labels = None) -> None:
        self._decoder, self._label = decoder, label
        self._usual = _usual_error(decoder)
        self._errors: list[float] = []  # root of the mean square, in levels
        self._contrasts: list[float] = []  # standard deviation of the picture, in levels

    def add(self, frames: Frame, means: Vectors) -> None:
        """Takes pictures uint8 N×H×W×3 and their latents float32 N×d; only the first few are used."""
        given = frames[:_OF_EACH_BATCH].astype(np.float32)
        returned = self._decoder(means[:_OF_EACH_BATCH], self._label)
        self._errors += np.sqrt(np.mean((returned - given) ** 2, axis=(1, 2, 3))).tolist()
        self._contrasts += np.std(given, axis=(1, 2, 3)).tolist()

    def warning(self) -> str:
        """One line if most pictures are reconstructed worse than by uniform grey, and much worse than the model's test
        pictures; otherwise empty."""
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
            f"these pictures are unlike those that {space.name} was trained on ({trained}): it reconstructs them worse "
            "than uniform grey would, so their latents and distances mean little"
        )


def _usual_error(decoder: Decoder) -> float:
    """The error in levels on the card for the model's test pictures; 0 if the card does not have one."""
    found = [row["value"] for row in decoder.card.evaluation if (row["metric"], row["condition"]) == _MEASURED]
    return 255 / sqrt(10 ** (found[0] / 10)) if found else 0.0
