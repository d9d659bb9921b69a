"""Stand-ins for models, sources, sinks and the clock of a live run, steered by the test instead of by time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import cast

import numpy as np

from nitido.frames import Frame
from nitido.inference.model import Model


def frame(value: int, size: tuple[int, int] = (16, 12)) -> Frame:
    """A frame of width × height in one grey."""
    return np.full((size[1], size[0], 3), value % 256, np.uint8)


def raw_frames(*values: int, size: tuple[int, int] = (16, 12)) -> bytes:
    """Such frames one after the other, as they come through a pipe."""
    return b"".join(frame(value, size).tobytes() for value in values)


class FakeClock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class FakeModel:
    """Adds 1 to every byte. ``work`` is called with each frame first, and may block or fail."""

    has_strength = True
    has_noise = False
    recurrent = False
    device = "cpu"

    def __init__(self, work: Callable[[Frame], None] = lambda _frame: None, *, name: str = "fake") -> None:
        self.card = SimpleNamespace(scale=1, task="denoise", name=name)
        self.path = SimpleNamespace(stem=name)
        self.work = work
        self.calls = 0

    def __call__(self, frame: Frame, *, strength: float = 1.0) -> Frame:
        self.calls += 1
        self.work(frame)
        return frame + np.uint8(1) if strength else frame


def fake_model(work: Callable[[Frame], None] = lambda _frame: None, *, name: str = "fake") -> Model:
    """A :class:`FakeModel` where a model is wanted."""
    return cast(Model, FakeModel(work, name=name))


class FakeSource:
    """Gives frames as the test's iterator makes them."""

    reconnects = 0

    def __init__(self, frames: Iterator[Frame], *, fps: float | None = None, live: bool = True) -> None:
        self.frames, self.fps, self.live = frames, fps, live
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[Frame]:
        for item in self.frames:
            if self.closed.is_set():
                return
            yield item

    def close(self) -> None:
        self.closed.set()

    def __enter__(self) -> FakeSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ListSink:
    """Keeps what it gets. ``work`` is called with each frame first."""

    def __init__(self, *, fps: float | None = None, work: Callable[[Frame], None] = lambda _frame: None) -> None:
        self.fps, self.work = fps, work
        self.frames: list[Frame] = []

    @property
    def values(self) -> list[int]:
        """The grey of each frame."""
        return [int(item[0, 0, 0]) for item in self.frames]

    def write(self, frame: Frame) -> None:
        self.work(frame)
        self.frames.append(frame)

    def __enter__(self) -> ListSink:
        return self

    def __exit__(self, *_: object) -> None:
        pass
