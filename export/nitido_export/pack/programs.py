"""Writes programs in C, C++ and Python, each with the model and a frame to try."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from nitido.errors import SinkUnavailable
from nitido.inference.model import Model
from nitido_export.pack.readme import values_of, write_readme
from nitido_export.pack.sample import write_ppm
from nitido_export.pack.template import read


@dataclass(frozen=True)
class Program:
    """sources: templates that are copied as they are.
    readme: the template of the README.
    call: how the program is started.
    suffix: of the included frame and of the result.
    write_frame: writes such a file, from uint8 H×W×3 BGR.
    """

    sources: Sequence[str]
    readme: str
    call: str
    suffix: str
    write_frame: Callable[[Path, NDArray[np.uint8]], None]


def _write_png(path: Path, frame: NDArray[np.uint8]) -> None:
    if not cv2.imwrite(str(path), frame):
        raise SinkUnavailable(f"cannot write {path}")


_C = ("nitido_frame", "model", "states", "runtime", "frame_file", "failure")
_C_HEADERS = ("model", "states", "runtime", "frame_file", "failure")
PROGRAMS = {
    "c": Program(
        (*(f"c/{n}.c" for n in _C), *(f"c/{n}.h" for n in _C_HEADERS), "c/CMakeLists.txt", "native/onnxruntime.cmake"),
        "c/README.md",
        "build/nitido-frame {model}",
        "ppm",
        write_ppm,
    ),
    "cpp": Program(
        (
            "cpp/nitido.hpp",
            "cpp/frame_file.hpp",
            "cpp/nitido_frame.cpp",
            "cpp/CMakeLists.txt",
            "native/onnxruntime.cmake",
        ),
        "cpp/README.md",
        "build/nitido-frame {model}",
        "ppm",
        write_ppm,
    ),
    "python": Program(
        ("python/nitido_stream.py", "python/nitido_frame.py"),
        "python/README.md",
        "python nitido_frame.py {model}",
        "png",
        _write_png,
    ),
}


def write_program(target: str, source: Model, folder: Path, frame: NDArray[np.uint8]) -> None:
    """Fills ``folder`` with the sources of a program, the model, a frame, nitido's result for it, and a README.

    target: one of ``PROGRAMS``.
    frame: uint8 H×W×3 BGR.
    Raises ``OSError``, ``SinkUnavailable``.
    """
    program = PROGRAMS[target]
    for name in program.sources:
        (folder / Path(name).name).write_text(read(name), encoding="utf-8")
    shutil.copyfile(source.path, folder / source.path.name)
    program.write_frame(folder / f"frame.{program.suffix}", frame)
    program.write_frame(folder / f"expected.{program.suffix}", source(frame))
    call = program.call.format(model=source.path.name)
    video = "video.mp4 result.mp4" if target == "python" else "video.bgr result.bgr --size 640x480"
    values = values_of(source, call, f"frame.{program.suffix} result.{program.suffix}", video)
    write_readme(program.readme, folder, {**values, "version": ort.__version__})
