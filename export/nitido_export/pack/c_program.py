"""A C program that runs the model on a frame, with its build file, the model and a frame to try it on."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from nitido.inference.model import Model
from nitido_export.pack.sample import write_ppm
from nitido_export.pack.template import fill, read

SOURCES = ("nitido_frame.c", "frame_file.c", "frame_file.h", "states.c", "states.h", "CMakeLists.txt")


def write_c(source: Model, folder: Path, frame: NDArray[np.uint8]) -> None:
    """Fills ``folder`` with the C sources, the model, ``frame`` (uint8 H×W×3 BGR) as ``frame.ppm``, what Python makes
    of it as ``expected.ppm``, and a README. Raises ``OSError``."""
    for name in SOURCES:
        (folder / name).write_text(read(f"c/{name}"), encoding="utf-8")
    shutil.copyfile(source.path, folder / source.path.name)
    write_ppm(folder / "frame.ppm", frame)
    write_ppm(folder / "expected.ppm", source(frame))
    scale = source.card.scale
    values = {
        "name": source.card.name,
        "model": source.path.name,
        "summary": source.card.summary,
        "size": "as large as the frame" if scale == 1 else f"{scale} times as wide and as high as the frame",
        "version": ort.__version__,
        "minimum": source.card.min_onnxruntime,
        "strength": "".join(
            text.format(model=source.path.name)
            for text, is_there in (
                (_STRENGTH, source.has_strength),
                (_NOISE, source.has_noise),
                (_STATES, source.recurrent),
            )
            if is_there
        ),
    }
    (folder / "README.md").write_text(fill("c/README.md", values), encoding="utf-8")


_STRENGTH = """
How much of the noise goes is a number from 0 (nothing) to 1 (all, the default):

```sh
build/nitido-frame {model} frame.ppm half.ppm --strength 0.5
```
"""

_NOISE = """
The model estimates how noisy the frame is. A number gives it the noise level, the standard deviation of brightness
noise in 8-bit levels:

```sh
build/nitido-frame {model} frame.ppm result.ppm --noise 4
```
"""

_STATES = """
The model remembers: a frame is better when it has seen the frames before. Give it a raw file that holds the frames of a
video one after the other:

```sh
build/nitido-frame {model} video.bgr result.bgr --size 640x480
```

What it remembers are the tensors `state_in_…` and `state_out_…`. The first frame of a video gets zeros, each other one
what the frame before left behind; `states.c` does that. After a cut, or when the size changes, call `forget_states`.
Python also moves the states along with the picture before each frame (`states` in the card says how); without that,
the result is right and gains less where something moves.
"""
