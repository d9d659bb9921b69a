"""The recurrent states on a model's card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nitido.errors import CardMismatch

IN, OUT = "state_in", "state_out"  # prefixes of the names of the graph's inputs and outputs for states
WARPS = ("linear", "nearest", "none")

WEIGHT = "weight"  # the state that contains the share of the past at each position of the picture


@dataclass(frozen=True)
class StateSpec:
    """One recurrent state: float32 N×channels×h×w, zeros for "no past".

    name: ``picture`` stands for the tensors ``state_in_picture`` and ``state_out_picture``.
    channels: of the tensor.
    grid: pixels of the frame, on each side, under one position of the tensor. h is the frame's height, rounded up to
    the network's multiple, divided by ``grid``.
    warp: how a runtime moves it along with the picture: ``linear``, ``nearest``, or ``none`` (it is not moved).
    """

    name: str
    channels: int
    grid: int
    warp: str

    @property
    def taken(self) -> str:
        """Name of the graph's input."""
        return f"{IN}_{self.name}"

    @property
    def given(self) -> str:
        """Name of the graph's output."""
        return f"{OUT}_{self.name}"

    def size(self, height: int, width: int, multiple: int) -> tuple[int, int]:
        """(h, w) of the tensor for a frame of that size in pixels. multiple: of the network."""
        return -(-height // multiple) * multiple // self.grid, -(-width // multiple) * multiple // self.grid


def read_states(rows: Sequence[Mapping[str, Any]], multiple: int, origin: str) -> tuple[StateSpec, ...]:
    """The card's ``states``. Raises ``CardMismatch`` naming ``origin`` for invalid rows."""
    states: list[StateSpec] = []
    for row in rows:
        try:
            state = StateSpec(str(row["name"]), int(row["channels"]), int(row["grid"]), str(row["warp"]))
        except (KeyError, TypeError, ValueError) as error:
            raise CardMismatch(f"{origin}: its card describes a state as {row!r}; export the model again") from error
        if state.channels < 1 or state.grid < 1 or multiple % state.grid or state.warp not in WARPS:
            raise CardMismatch(
                f"{origin}: state '{state.name}' expects channels, a grid that divides {multiple} and a warp of "
                f"{', '.join(WARPS)}; found {dict(row)}; export the model again"
            )
        states.append(state)
    return tuple(states)
