"""Frames per second of a model, as its users call it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nitido.errors import NitidoError
from nitido.frames import Frame
from nitido.inference.model import Model
from nitido.inference.streaming import FrameStream

DIFFERENT = 4  # frames that take turns


@dataclass(frozen=True)
class Size:
    name: str
    width: int
    height: int


@dataclass(frozen=True)
class Cell:
    """fps: frames per second; ``None``: not measured, for the reason in ``note``."""

    fps: float | None
    note: str = ""

    def __str__(self) -> str:
        return self.note if self.fps is None else f"{self.fps:.1f}"


def measure_speed(path: Path, device: str, size: Size, seconds: float) -> Cell:
    """Frames in and out of the host's memory, one after the other, as a stream where the model remembers."""
    return measure_batch(path, device, size, 1, seconds)


def measure_batch(path: Path, device: str, size: Size, batch: int, seconds: float) -> Cell:
    """As :func:`measure_speed`, with so many frames in one run."""
    rng = np.random.default_rng(0)
    shape = (batch, size.height, size.width, 3) if batch > 1 else (size.height, size.width, 3)
    frames = [rng.integers(0, 256, shape, np.uint8) for _ in range(DIFFERENT)]
    try:
        with Model(path, device) as model:
            run: Callable[[Frame], Frame] = FrameStream(model) if model.recurrent else model
            run(frames[0])  # memory is laid out, kernels are chosen
            run(frames[1])
            began, done = time.perf_counter(), 0
            while not done or time.perf_counter() - began < seconds:
                run(frames[done % DIFFERENT])
                done += 1
            return Cell(batch * done / (time.perf_counter() - began))
    except NitidoError as error:
        text = str(error).lower()
        return Cell(None, "no memory" if "alloc" in text or "memory" in text else "failed")
