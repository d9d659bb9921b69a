"""The speed of a model on this machine, as a row of a table to share."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

from nitido.system.machine import Machine

WIDTH, HEIGHT = 640, 480
_FRAMES = 4  # different frames, so that a recurrent model has some motion
_LEAST = 5  # smallest number of measured frames


@dataclass(frozen=True)
class StreamSpeed:
    """ms: median for a frame of 640×480 pixels, one after the other as in a stream. frames: number of measured
    frames."""

    model: str
    device: str
    onnxruntime: str
    ms: float
    frames: int


def measure_stream(
    name_or_path: str, *, seconds: float = 3.0, device: str = "auto", threads: int | None = None
) -> StreamSpeed:
    """Measures the speed of a model from frame to image as in ``nitido live``, for about ``seconds``. Raises
    ``NitidoError``."""
    import numpy as np
    import onnxruntime as ort

    from nitido.inference.model import load
    from nitido.inference.streaming import FrameStream

    frames = np.random.default_rng(0).integers(0, 256, (_FRAMES, HEIGHT, WIDTH, 3), np.uint8)
    times: list[float] = []
    with load(name_or_path, device, threads=threads, spinning=False) as model:
        model.warm_up(HEIGHT, WIDTH)
        stream = FrameStream(model)
        stream(frames[-1])
        end = time.perf_counter() + seconds
        while len(times) < _LEAST or time.perf_counter() < end:
            began = time.perf_counter()
            stream(frames[len(times) % _FRAMES])
            times.append(time.perf_counter() - began)
        name, used = model.card.name, model.device
    return StreamSpeed(name, used, ort.__version__, 1000 * statistics.median(times), len(times))


def row(machine: Machine, speed: StreamSpeed) -> str:
    """One row of a Markdown table: machine, onnxruntime and device, model, milliseconds at 640×480, frames per
    second."""
    cores = machine.usable_cpus
    where = f"{machine.board or machine.cpu}, {cores} core{'' if cores == 1 else 's'}, {machine.system}"
    cells = (
        where.replace("|", "/"),
        f"{speed.onnxruntime}, {speed.device}",
        speed.model,
        f"{speed.ms:.1f}",
        f"{1000 / speed.ms:.1f}",
    )
    return f"| {' | '.join(cells)} |"
