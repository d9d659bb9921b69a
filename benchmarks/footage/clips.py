"""Clips and the noise that is added to them: every method gets the very same bytes.

Frames are uint8 H×W×3 BGR throughout.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from nitido.errors import SourceUnavailable
from nitido.frames import Frame
from nitido_train.data.degrade import CAMERA_JPEG, CAMERAS, add_camera_noise, add_gaussian, compress

FRAMES = 22  # of each clip
SEED = 5
WIDEST = 1000  # pixels; wider clips are halved, so that their own noise goes
MJPEG_QUALITIES = (60, 70, 80, 90)  # of one clip after the other
QUICK_FRAMES, QUICK_SIDE = 14, 256


@dataclass(frozen=True)
class Clip:
    """A clip in the folder of data. kind: what moves in it. path: a video or a folder of numbered pictures. start: its
    first frame that is used, from 0."""

    name: str
    kind: str
    path: str
    start: int = 0


CLIPS = (
    *(
        Clip(name, "DAVIS", f"eval/DAVIS/{name}")
        for name in ("blackswan", "camel", "car-shadow", "dance-twirl", "parkour", "scooter-black")
    ),
    Clip("coffee", "moving camera", "video/test/04_coffee.mp4", 40),
    Clip("bedroom", "moving camera", "video/test/bedroom.mp4", 40),
    Clip("vtest", "static camera", "video/vtest.avi", 60),
    *(Clip(name, "webcam", f"video/webcam/{name}.mkv", 5) for name in ("book", "night", "no", "please")),
)
TUNED_ON = tuple(clip.name for clip in CLIPS[2::5])
"""Every fifth clip: settings of other tools are chosen on these."""

Degrade = Callable[[Frame, np.random.Generator], Frame]


def _camera(name: str, quality: int) -> Degrade:
    return lambda frame, rng: compress(add_camera_noise(frame, CAMERAS[name], rng), quality)


def _white(sigma: int) -> Degrade:
    return lambda frame, rng: add_gaussian(frame, sigma, rng)


CONDITIONS: dict[str, Callable[[int], Degrade]] = {
    "camera mid, JPEG 85": lambda _: _camera("mid", 85),
    f"camera high, JPEG {CAMERA_JPEG}": lambda _: _camera("high", CAMERA_JPEG),
    "camera mid, MJPEG 60-90": lambda position: _camera("mid", MJPEG_QUALITIES[position % len(MJPEG_QUALITIES)]),
    "σ 10": lambda _: _white(10),
    "σ 25": lambda _: _white(25),
    "σ 50": lambda _: _white(50),
}
"""What is done to the frames of the clip at a position of ``CLIPS``."""


@dataclass(frozen=True)
class Trial:
    """A clip under a condition: its frames as given and as they should be. level: of the noise, as a standard deviation
    in 8-bit levels."""

    clip: Clip
    condition: str
    given: tuple[Frame, ...] = field(repr=False)
    clean: tuple[Frame, ...] = field(repr=False)

    @property
    def key(self) -> str:
        return f"{self.clip.name} | {self.condition}"

    @cached_property
    def level(self) -> float:
        squares = [np.mean((a.astype(np.float32) - b) ** 2) for a, b in zip(self.given, self.clean, strict=True)]
        return round(float(np.sqrt(np.mean(squares))), 2)

    @cached_property
    def digest(self) -> str:
        """Changes with any byte of any frame."""
        found = hashlib.sha256()
        for frame in (*self.given, *self.clean):
            found.update(np.ascontiguousarray(frame).data)
        return found.hexdigest()[:12]


def open_trial(data: Path, clip: Clip, condition: str, *, quick: bool = False) -> Trial:
    """Reads a clip and adds noise, frame after frame from one generator. quick: the middle of fewer frames. Raises
    ``SourceUnavailable``."""
    clean = read_clip(data, clip, QUICK_FRAMES if quick else FRAMES)
    if quick:
        clean = [_middle(frame) for frame in clean]
    rng = np.random.default_rng(SEED)
    position = next((i for i, other in enumerate(CLIPS) if other.name == clip.name), 0)
    degrade = CONDITIONS[condition](position)
    return Trial(clip, condition, tuple(degrade(frame, rng) for frame in clean), tuple(clean))


def read_clip(data: Path, clip: Clip, count: int = FRAMES) -> list[Frame]:
    """The frames from ``clip.start`` on; halved where they are wider than ``WIDEST``. Raises ``SourceUnavailable``."""
    path = data / clip.path
    found = _read_pictures(path, clip.start, count) if path.is_dir() else _read_video(path, clip.start, count)
    if len(found) < count:
        raise SourceUnavailable(f"{path}: expected {count} frames from number {clip.start} on, found {len(found)}")
    return [_halved(frame) if frame.shape[1] > WIDEST else frame for frame in found]


def _read_pictures(folder: Path, start: int, count: int) -> list[Frame]:
    paths: Sequence[Path] = sorted(folder.iterdir())[start : start + count]
    return [np.asarray(cv2.imread(str(path)), np.uint8) for path in paths]


def _read_video(path: Path, start: int, count: int) -> list[Frame]:
    capture = cv2.VideoCapture(str(path))
    found: list[Frame] = []
    for number in range(start + count):
        ok, frame = capture.read()
        if not ok:
            break
        if number >= start:
            found.append(np.asarray(frame, np.uint8))
    capture.release()
    return found


def _halved(frame: Frame) -> Frame:
    return np.asarray(cv2.resize(frame, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)


def _middle(frame: Frame) -> Frame:
    top, left = (max(0, (length - QUICK_SIDE) // 2) for length in frame.shape[:2])
    return np.ascontiguousarray(frame[top : top + QUICK_SIDE, left : left + QUICK_SIDE])
