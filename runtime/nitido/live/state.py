"""Data of a live run: a frame with its result, the status of the run, and the controls for a person."""

from __future__ import annotations

from dataclasses import dataclass

from nitido.frames import Frame
from nitido.inference.levels import Noise


@dataclass(frozen=True)
class Captured:
    """A captured frame.

    frame: uint8 H×W×3, BGR.
    index: place in the source, from 0.
    at: seconds on the run's clock.
    time: of the frame in a clip, in seconds; ``None`` for live sources.
    reconnects: how often the source was lost and reopened before this frame.
    """

    frame: Frame
    index: int
    at: float
    time: float | None = None
    reconnects: int = 0


@dataclass(frozen=True)
class Shot:
    """A captured frame and its result.

    before: H×W×3 as captured. after: (s·H)×(s·W)×3, uint8 BGR like all frames. index: place in the source, from 0.
    captured: seconds on the run's clock. busy: seconds that the restoration took. rung: name of the ladder's step.
    time: of the frame in a clip, in seconds, or ``None``.
    noise: noise level that was removed, or ``None`` where none is known.
    past: how much past is in the result, 0 to 1; ``None`` of a model that does not remember.
    """

    before: Frame
    after: Frame
    index: int
    captured: float
    busy: float
    rung: str
    time: float | None = None
    noise: float | None = None
    past: float | None = None


@dataclass(frozen=True)
class Status:
    """The current status of a run.

    fps: frames shown per second, over the last seconds. p50_ms, p95_ms: from capture to shown, over the last frames.
    captured, shown: frames so far. dropped: frames that a newer one replaced. rung: step of the ladder in use.
    size: width and height of the result in pixels. bypass: whether captured frames are shown instead of results.
    noise: noise level that is removed, or ``None`` if not known.
    past: share of the past in the picture, 0 to 1; ``None`` for a model that is not recurrent.
    notice: a recent event, such as a change of the rung, for a few seconds.
    """

    fps: float
    p50_ms: float
    p95_ms: float
    captured: int
    shown: int
    dropped: int
    rung: str
    size: tuple[int, int]
    strength: float
    bypass: bool
    reconnects: int = 0
    notice: str = ""
    noise: float | None = None
    past: float | None = None

    def line(self) -> str:
        """The status as one line of plain ASCII, which OpenCV's fonts can draw."""
        rung = "bypass" if self.bypass else self.rung
        strength = "" if self.strength == 1.0 else f"  strength {self.strength:.1f}"
        times = f"p50 {self.p50_ms:.0f} ms  p95 {self.p95_ms:.0f} ms"
        noise = "" if self.noise is None or self.bypass else f"  noise {self.noise:.1f}"
        past = "" if self.past is None or self.bypass else f"  past {100 * self.past:.0f} %"
        return f"{self.fps:.1f} fps  {times}  {self.dropped} dropped  {rung}{strength}{noise}{past}"


class Controls:
    """Settings that may be changed during a run. They are plain attributes, so that any thread and any signal handler
    can set them.

    strength: 0 (input) to 1 (fully restored), for models that can vary it.
    noise: noise level in 8-bit levels, or an object that knows it, for models that take one; ``None``: the model
    estimates it.
    bypass: show the captured frames.
    past: whether a recurrent model uses earlier frames; without it, each frame is treated as the first.
    split: show the left half as captured.
    stopping: the run ends after the current frame.
    over: the run has ended for whatever reason; set by the loop, so that long work such as a warm-up can end early.
    """

    def __init__(self, *, strength: float = 1.0, split: bool = False, noise: Noise | None = None) -> None:
        self.strength = strength
        self.noise = noise
        self.split = split
        self.bypass = False
        self.past = True
        self.stopping = False
        self.over = False

    def stop(self) -> None:
        """Asks the run to end normally. It uses no lock, so it is safe in a signal handler."""
        self.stopping = True

    def change_strength(self, step: float) -> None:
        """Changes the strength by ``step`` within 0..1."""
        self.strength = round(min(1.0, max(0.0, self.strength + step)), 3)
