"""Prepares a model file for a kind of device, in a separate folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from nitido import __version__
from nitido.errors import ExportError, ModelNotFound
from nitido.inference.model import Model
from nitido.model_file import zoo
from nitido.model_file.weights import first_not_finite
from nitido_export.pack.folder import new_folder, require_replaceable
from nitido_export.pack.minimal_build import write_minimal
from nitido_export.pack.npm_package import write_package
from nitido_export.pack.ort_format import write_ort
from nitido_export.pack.plain_inputs import write_plain
from nitido_export.pack.programs import PROGRAMS, write_program
from nitido_export.pack.sample import sample_frame

TARGETS = (*PROGRAMS, "node", "plain", "ort", "minimal")


def write_pack(
    name: str, target: str, output: Path, *, overwrite: bool = False, frame: NDArray[np.uint8] | None = None
) -> tuple[Path, int]:
    """Writes the folder ``output``; returns the model file that was packed and the largest difference of the result
    from it, in 8-bit levels.

    name: of a model, or an ``.onnx`` file.
    target: one of ``TARGETS``.
    overwrite: replace a folder that an earlier call wrote.
    frame: uint8 H×W×3 BGR to compare on, and for programs to try; default: a photograph.

    Raises ``ModelNotFound``, ``CardMismatch`` for a file that is not a Nítido model, ``SinkUnavailable`` for a place
    that cannot be written or contains other files, ``ExportError`` when the result does not equal the model. After any
    of these errors, ``output`` is unchanged.
    """
    if target not in TARGETS:
        raise ValueError(f"target expects one of {', '.join(TARGETS)}, found '{target}'")
    path = zoo.find(name)
    if path.suffix != ".onnx":
        raise ModelNotFound(f"pack expects an .onnx file, found {path}")
    require_replaceable(output, path, overwrite=overwrite)  # check this before the work starts
    source = Model(path, "cpu")
    broken = first_not_finite(path.read_bytes())
    if broken:
        raise ExportError(f"{path}: its weights are not finite ({broken}): export another checkpoint; nothing written")
    pixels = sample_frame(source.card) if frame is None else frame
    facts = {"model": source.card.name, "target": target, "nitido": __version__, "onnxruntime": ort.__version__}
    worst = 0
    with new_folder(output, path, facts, overwrite=overwrite) as folder:
        if target in PROGRAMS:
            write_program(target, source, folder, pixels)
        elif target == "node":
            worst = write_package(source, folder, pixels)
        elif target == "plain":
            worst = write_plain(source, folder, pixels)
        else:
            converted = folder / f"{path.stem}.ort"
            worst = write_ort(source, converted, pixels)
            if target == "minimal":
                write_minimal(converted, folder)
    return path, worst
