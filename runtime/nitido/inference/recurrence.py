"""What a recurrent model carries from one frame to the next.

Such a graph takes ``state_in…`` and returns ``state_out…`` beside frame and image, float32 N×C×h×w; zeros mean "no
past". h and w depend on the frame's size by a pitch, pixels per position, which the card does not tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import onnxruntime as ort

from nitido.errors import CardMismatch, NitidoError
from nitido.inference.session import run_graph

IN, OUT = "state_in", "state_out"
# States by input name: arrays, or tensors that stay on the device.
States = dict[str, Any]


class RecurrentState:
    """The states of one model: their names, channels, and sizes for a frame.

    inputs, outputs: names that belong together, in the same order; empty for a model without memory.
    """

    def __init__(self, session: ort.InferenceSession, multiple: int, origin: str) -> None:
        """multiple: grid of the network in pixels. Raises ``CardMismatch`` for states that do not pair."""
        shapes = {i.name: i.shape for i in session.get_inputs() if i.name.startswith(IN)}
        self.inputs = sorted(shapes)
        self.outputs = sorted(o.name for o in session.get_outputs() if o.name.startswith(OUT))
        if [name[len(IN) :] for name in self.inputs] != [name[len(OUT) :] for name in self.outputs]:
            raise CardMismatch(f"{origin}: every state_in needs its state_out, found {self.inputs} and {self.outputs}")
        if any(len(shape) != 4 or not isinstance(shape[1], int) for shape in shapes.values()):
            raise CardMismatch(f"{origin}: expected states N×C×h×w with a fixed C, found {list(shapes.values())}")
        self._channels = {name: int(shape[1]) for name, shape in shapes.items()}
        self._multiple, self._origin = multiple, origin
        self._pitches: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.inputs)

    def blank(self, session: ort.InferenceSession, shape: Sequence[int]) -> States:
        """Zeros for frames N×H×W×3: no past. Raises ``CardMismatch`` when no size fits the graph."""
        if not self.inputs:
            return {}
        if not self._pitches:
            self._pitches = self._find_pitches(session)
        return self._zeros(shape, self._pitches)

    def after(self, outputs: Mapping[str, Any]) -> States:
        """The states to feed with the next frame, from the outputs of this one by name."""
        return {taken: outputs[given] for taken, given in zip(self.inputs, self.outputs, strict=True)}

    def _zeros(self, shape: Sequence[int], pitches: Sequence[int]) -> States:
        count, *size = shape[:3]
        padded = [-(-side // self._multiple) * self._multiple for side in size]
        return {
            name: np.zeros((count, self._channels[name], *(side // pitch for side in padded)), np.float32)
            for name, pitch in zip(self.inputs, pitches, strict=True)
        }

    def _find_pitches(self, session: ort.InferenceSession) -> tuple[int, ...]:
        """Tries the divisors of the grid on a tiny frame; right is what the graph takes and gives back alike."""
        side = 3 * self._multiple
        frame = np.zeros((1, side, side, 3), np.uint8)
        quiet = ort.RunOptions()
        quiet.log_severity_level = 4  # wrong guesses are no news
        divisors = [d for d in range(self._multiple, 0, -1) if self._multiple % d == 0]
        refused: NitidoError | None = None
        for pitches in product(divisors, repeat=len(self.inputs)):
            states = self._zeros(frame.shape, pitches)
            try:
                found = run_graph(session, {"frame": frame, **states}, self.outputs, quiet)
            except NitidoError as error:
                refused = error
                continue
            if all(given.shape == taken.shape for given, taken in zip(found.values(), states.values(), strict=True)):
                return pitches
        raise CardMismatch(
            f"{self._origin}: no size of {', '.join(self.inputs)} fits a grid of {self._multiple} pixels "
            f"({refused or 'the states come back in another size'}); export the model again"
        )
