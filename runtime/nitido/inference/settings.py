"""What a model takes besides frames, and the check that a file takes frames at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from nitido.errors import CardMismatch, FrameMismatch
from nitido.inference.levels import AUTOMATIC, ESTIMATE, NOISE
from nitido.model_file.states import IN, OUT

STRENGTH = "strength"
DEFAULTS = {STRENGTH: 1.0, NOISE: AUTOMATIC}  # of the settings that a file may leave to its caller


def require_frames(session: ort.InferenceSession, path: Path) -> None:
    """Raises ``CardMismatch`` for a file that is not a model from frame to image."""
    given, made = (STRENGTH, NOISE), (ESTIMATE,)
    inputs = [i.name for i in session.get_inputs() if not i.name.startswith(IN) and i.name not in given]
    outputs = [o.name for o in session.get_outputs() if not o.name.startswith(OUT) and o.name not in made]
    if (inputs, outputs) == (["frame"], ["image"]):
        return
    found = f"{', '.join(inputs)} → {', '.join(outputs)}"
    half = any(n.split("_")[0] == "z" for n in (*inputs, *outputs))
    kind = " (half of an autoencoder)" if half else ""
    way = "'nitido embed', 'sample', 'interpolate' and 'explore' take it" if half else "run it with onnxruntime itself"
    raise CardMismatch(f"{path} is not a model from frame to image: expected frame → image, found {found}{kind}; {way}")


def setting_feeds(
    name: str, always: Mapping[str, Any], strength: float, noise: float | None, settable: set[str]
) -> dict[str, Any]:
    """The inputs besides frames of the model ``name``; ``always`` are those that it must be given.

    Raises:
        FrameMismatch: a value that the model does not take.
    """
    feeds: dict[str, Any] = dict(always)
    if not 0.0 <= strength <= 1.0:
        raise FrameMismatch(f"strength expects 0..1, found {strength}")
    if strength != 1.0:
        if STRENGTH not in settable:
            raise FrameMismatch(f"{name} has no adjustable strength; leave it at 1")
        feeds[STRENGTH] = np.array(strength, np.float32)
    if noise is not None:
        if NOISE not in settable:
            raise FrameMismatch(f"{name} cannot be given a noise level; leave it out")
        if not 0.0 <= noise <= 255.0:
            raise FrameMismatch(f"noise expects a standard deviation of 0..255, found {noise}")
        feeds[NOISE] = np.array(noise, np.float32)
    return feeds


def is_side(value: object) -> bool:
    """Whether a value is a side of tiles in pixels; 0 means no tiles."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and int(value) >= 0
