"""Frames: the arrays that the parts of Nítido exchange."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nitido.errors import FrameMismatch

Frame: TypeAlias = NDArray[np.uint8]
"""uint8 H×W×3, BGR, 0..255: the layout that OpenCV uses."""


def is_frame(value: object) -> bool:
    """Whether ``value`` is a uint8 array H×W×3 without an empty side."""
    return (
        isinstance(value, np.ndarray)
        and value.dtype == np.uint8
        and value.ndim == 3
        and value.shape[2] == 3
        and value.size > 0
    )


def require_frame(value: object, expected: str = "a frame") -> None:
    """Raises ``FrameMismatch`` unless ``value`` is a :data:`Frame`. expected: its name in the message."""
    if not is_frame(value):
        raise FrameMismatch(f"expected {expected} uint8 H×W×3 (BGR), found {describe_array(value)}")


def as_batch(value: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Frames N×H×W×3 from a frame H×W×3 or from frames. Raises ``FrameMismatch`` for anything else."""
    if not isinstance(value, np.ndarray) or value.dtype != np.uint8 or value.ndim not in (3, 4):
        raise FrameMismatch(f"expected a uint8 array H×W×3 or N×H×W×3 (BGR), found {describe_array(value)}")
    if value.shape[-1] != 3 or 0 in value.shape:
        raise FrameMismatch(f"expected three channels (BGR) and no empty side, found {describe_array(value)}")
    return value if value.ndim == 4 else value[None]


def describe_array(value: object) -> str:
    """A description of a value for messages: ``uint8 480×640×3``, ``float64 a single number``, or the name of its
    type."""
    if not isinstance(value, np.ndarray):
        return type(value).__name__
    return f"{value.dtype} {'×'.join(map(str, value.shape)) or 'a single number'}"
