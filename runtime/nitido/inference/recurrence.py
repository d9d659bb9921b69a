"""What a recurrent model carries from one frame to the next, and how it follows the picture.

The card describes each state: its grid, and whether it may be warped. Zeros mean "no past".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from nitido.errors import CardMismatch
from nitido.model_file.card import Card
from nitido.model_file.states import IN, OUT, WEIGHT, StateSpec, read_states

Flow = NDArray[np.float32]

# States by input name: arrays, or tensors that stay on the device.
States = dict[str, Any]


class RecurrentState:
    """The states of one model.

    inputs, outputs: names that belong together, in the same order; empty for a model without memory.
    """

    def __init__(self, specs: Sequence[StateSpec], multiple: int) -> None:
        """multiple: of the network, in pixels."""
        self._specs, self._multiple = tuple(specs), multiple
        self.inputs = [spec.taken for spec in specs]
        self.outputs = [spec.given for spec in specs]

    @classmethod
    def of(cls, session: ort.InferenceSession, card: Card, origin: str) -> RecurrentState:
        """Raises ``CardMismatch`` unless the card describes the states that the graph has."""
        specs = read_states(card.states, card.multiple, origin)
        for values, prefix, names in (
            (session.get_inputs(), IN, [spec.taken for spec in specs]),
            (session.get_outputs(), OUT, [spec.given for spec in specs]),
        ):
            found = {value.name: value.shape for value in values if value.name.startswith(prefix)}
            wanted = {name: spec.channels for name, spec in zip(names, specs, strict=True)}
            if {name: shape[1] if len(shape) == 4 else None for name, shape in found.items()} != wanted:
                raise CardMismatch(
                    f"{origin}: its card describes the states {list(wanted) or 'of no recurrent model'}, the graph has "
                    f"{list(found) or 'none'}, N×C×h×w with these channels expected; export the model again"
                )
        return cls(specs, card.multiple)

    def is_like(self, other: RecurrentState) -> bool:
        """Whether states of the one may be given to the other: they have the same names, sizes and meaning."""
        return (self._specs, self._multiple) == (other._specs, other._multiple)

    def __bool__(self) -> bool:
        return bool(self.inputs)

    def blank(self, shape: Sequence[int]) -> States:
        """Zeros for frames N×H×W×3: no past."""
        count, height, width = shape[:3]
        return {
            spec.taken: np.zeros((count, spec.channels, *spec.size(height, width, self._multiple)), np.float32)
            for spec in self._specs
        }

    def after(self, outputs: Mapping[str, Any]) -> States:
        """The states to feed with the next frame, from the outputs of this one by name."""
        return {taken: outputs[given] for taken, given in zip(self.inputs, self.outputs, strict=True)}

    def motion(self, last: NDArray[np.uint8], frames: NDArray[np.uint8]) -> list[Flow]:
        """Where each pixel of the frames was in the last results, both uint8 N×H×W×3: see
        :func:`~nitido.inference.alignment.flow_between`."""
        from nitido.inference.alignment import flow_between  # OpenCV, only for streams

        return [flow_between(old, new) for old, new in zip(last, frames, strict=True)]

    def moved(self, states: States, flows: Sequence[Flow]) -> States:
        """States moved to where the picture is in the next frames. flows: of :meth:`motion`.

        Where nothing moves, and for a state that may not be warped, they are the same objects as before. Others come
        to the host's memory.
        """
        from nitido.inference.alignment import warp_state

        if not any(flow.any() for flow in flows):
            return states

        def warped(spec: StateSpec) -> NDArray[np.float32]:
            each = zip(_on_host(states[spec.taken]), flows, strict=True)
            parts = [warp_state(state, flow, spec.grid, spec.warp) for state, flow in each]
            return parts[0][None] if len(parts) == 1 else np.stack(parts)

        movable = [spec for spec in self._specs if spec.warp != "none"]
        moved = _side_by_side().map(warped, movable)
        return states | {spec.taken: state for spec, state in zip(movable, moved, strict=True)}

    def past(self, states: States) -> float | None:
        """How much past is in the picture, 0 to 1: the mean of the state that says it. ``None`` without such a
        state."""
        weight = self.weight(states)
        return None if weight is None else float(weight.mean())

    def weight(self, states: States) -> NDArray[np.float32] | None:
        """How much past is in each place of the picture, 0 to 1, N×1×h×w. ``None`` without such a state."""
        weight = states.get(f"{IN}_{WEIGHT}")
        return None if weight is None else _on_host(weight)


@cache
def _side_by_side() -> ThreadPoolExecutor:
    """States are warped on two cores. OpenCV's own threads would wait busily for the next frame."""
    return ThreadPoolExecutor(2, thread_name_prefix="warp")


def _on_host(state: Any) -> NDArray[np.float32]:
    return np.asarray(state.numpy() if isinstance(state, ort.OrtValue) else state)
