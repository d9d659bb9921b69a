"""Facts about a video's pictures."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from nitido.video.colour import ColourTags, depth_of, tags_of

_FASTEST = 1000  # frames per second: more is a time base and not a rate


@dataclass(frozen=True)
class Mastering:
    """The mastering display of HDR, as in H.265 and AV1.

    primaries: x and y of red, green, blue and white. luminance: highest and lowest, in cd/m². light: the brightest
    pixel, and the mean of the brightest picture, in cd/m²; 0 if not specified.
    """

    primaries: tuple[float, ...]
    luminance: tuple[float, float]
    light: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class VideoInfo:
    """Facts about a video's pictures.

    width, height: in pixels, upright.
    fps: frames per second on average.
    time_base: seconds of one unit of a frame's time stamp.
    aspect: width of a pixel divided by its height, upright; 1 for square pixels or if not specified.
    tags: meaning of the numbers as colours.
    bits: per component.
    rotated: degrees by which the pixels of the file are turned counterclockwise to be upright.
    mirrored: whether they are then mirrored left to right.
    transparent: whether it has an alpha channel, which is not read.
    mastering: of HDR, if specified.
    end: time stamp at which the last frame ends; 0 if not known.
    """

    width: int
    height: int
    fps: float
    time_base: Fraction
    aspect: Fraction = Fraction(1)
    tags: ColourTags = field(default_factory=ColourTags)
    bits: int = 8
    rotated: int = 0
    mirrored: bool = False
    transparent: bool = False
    mastering: Mastering | None = None
    end: int = 0

    @property
    def deep(self) -> bool:
        """More than 8 bits per component."""
        return self.bits > 8


def describe(stream: Any, frame: Any, *, tone_map: bool = False) -> VideoInfo:
    """Facts about a stream from its first decoded frame. tone_map: HDR will be read as 8 bits of BT.709."""
    rotated, mirrored = _turn(frame)
    aspect = Fraction(stream.sample_aspect_ratio or 1) or Fraction(1)
    width, height = frame.width, frame.height
    if rotated in (90, 270):
        width, height, aspect = height, width, 1 / aspect
    tags, bits = tags_of(frame), depth_of(frame.format)
    if tone_map and tags.hdr:
        tags, bits = ColourTags(), 8
    return VideoInfo(
        width,
        height,
        _rate(stream, frame),
        Fraction(stream.time_base),
        aspect,
        tags,
        bits,
        rotated,
        mirrored,
        transparent=stream.metadata.get("alpha_mode") == "1" or any(c.is_alpha for c in frame.format.components),
        mastering=_mastering(frame) if tags.hdr else None,
        end=_end(stream),
    )


def _rate(stream: Any, frame: Any) -> float:
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and 0 < rate <= _FASTEST:
            return float(rate)
    return 1 / float(frame.duration * stream.time_base) if frame.duration else 25.0


def _end(stream: Any) -> int:
    """Only for MP4 and related formats, which store it exactly, and in which the duration of a last frame may be
    wrong."""
    exact = "mov" in stream.container.format.name.split(",")
    return (stream.start_time or 0) + stream.duration if exact and stream.duration else 0


def _turn(frame: Any) -> tuple[int, bool]:
    """Degrees to turn a frame by, counterclockwise, and whether it is mirrored afterwards, by its display matrix."""
    matrix = next((bytes(item) for item in frame.side_data if item.type.name == "DISPLAYMATRIX"), b"")
    if len(matrix) < 36:
        return 0, False
    # Of a pixel at x, y: x' = a·x + c·y and y' = b·x + d·y.
    a, b, _, c, d = struct.unpack("<5i", matrix[:20])
    mirrored = a * d - b * c < 0
    if mirrored:
        a, c = -a, -c
    if abs(a) >= abs(c):
        return (0 if a >= 0 else 180), mirrored
    return (90 if c > 0 else 270), mirrored


def _mastering(frame: Any) -> Mastering | None:
    """From FFmpeg's structures: ten fractions and two flags, and two numbers."""
    found = {item.type.name: bytes(item) for item in frame.side_data}
    screen = found.get("MASTERING_DISPLAY_METADATA", b"")
    if len(screen) < 88:
        return None
    numbers = struct.unpack("<22i", screen[:88])
    values = [a / b if b else 0.0 for a, b in zip(numbers[0:20:2], numbers[1:20:2], strict=True)]
    if not all(numbers[20:]):
        return None
    light = found.get("CONTENT_LIGHT_LEVEL", b"")
    brightest = struct.unpack("<2I", light[:8]) if len(light) >= 8 else (0, 0)
    return Mastering(tuple(values[:8]), (values[9], values[8]), (brightest[0], brightest[1]))
