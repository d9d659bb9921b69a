"""Converts a model to ONNX Runtime's own format, which is already optimized and is the only one for minimal builds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from nitido.errors import ExportError
from nitido.inference.model import Model

GIVEN_LEVEL = 12.0  # a noise level for the comparison


def write_ort(source: Model, target: Path, frame: NDArray[np.uint8]) -> int:
    """Writes ``source`` as ``target`` (``.ort``), loads the result and returns the largest difference in 8-bit levels.

    frame: uint8 H×W×3 BGR to compare on. Raises ``ExportError`` when it cannot be converted, loses its card or
    differs by more than one level.
    """
    convert(source.path, target)
    written = Model(target, "cpu")
    settings = [(model.has_strength, model.has_noise) for model in (written, source)]
    if written.card != source.card or settings[0] != settings[1]:
        raise ExportError(f"the card of {source.path} did not survive in the .ort file; nothing written")
    # Also a size that does not fit the network's grid, to check padding and cropping in the graph.
    cut = frame[: max(1, frame.shape[0] - 3), : max(1, frame.shape[1] - 5)]
    worst = largest_difference(source, written, [frame, cut])
    if worst > 1:
        raise ExportError(
            f"{target.name} differs from {source.path} by {worst} of 255 levels (expected <= 1); nothing written"
        )
    return worst


def convert(source: Path, target: Path) -> None:
    """Writes the optimized graph of ``source`` in ORT format. Raises ``ExportError``."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.optimized_model_filepath = str(target)
    options.add_session_config_entry("session.save_model_format", "ORT")
    # Signed activations are only good for Arm, and the file should run everywhere.
    options.add_session_config_entry("session.qdqisint8allowed", "0")
    try:
        # The NCHWc layout depends on this machine's vector width; a file with it would not run on other processors.
        ort.InferenceSession(
            str(source), options, providers=["CPUExecutionProvider"], disabled_optimizers=["NchwcTransformer"]
        )
    except Exception as error:  # onnxruntime's exceptions share no base but Exception
        # "[ONNXRuntimeError] : code : name : what happened", with the path of a temporary folder.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].split(" : ", 3)[-1]
        raise ExportError(
            f"onnxruntime {ort.__version__} could not write {source.name} in ORT format "
            f"({reason.replace(str(target), target.name)}); is the disk full?"
        ) from error


def largest_difference(one: Model, other: Model, frames: Sequence[NDArray[np.uint8]]) -> int:
    """Largest difference in 8-bit levels over the frames. Models with these settings are also compared at half strength
    and with a given noise level."""
    worst = 0
    strengths = (1.0, 0.5) if one.has_strength else (1.0,)
    noises = (None, GIVEN_LEVEL) if one.has_noise else (None,)
    for frame in frames:
        for strength, noise in product(strengths, noises):
            pair = [model(frame, strength=strength, noise=noise).astype(np.int16) for model in (one, other)]
            if pair[0].shape != pair[1].shape:
                raise ExportError(
                    f"{other.path.name} returns {pair[1].shape} for {frame.shape}, expected {pair[0].shape}"
                )
            worst = max(worst, int(np.abs(pair[0] - pair[1]).max()))
    return worst
