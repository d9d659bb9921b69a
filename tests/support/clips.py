"""Video files for tests, made with PyAV, and what a file holds as PyAV tells it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


def ramp(index: int, height: int = 48, width: int = 64) -> Picture:
    """A smooth picture that differs from frame to frame, uint8 H×W×3 BGR."""
    across = np.linspace(20, 200, width)[None, :] + 4 * (index % 10)
    down = np.linspace(0, 30, height)[:, None]
    return np.stack([across + down, 230 - across + down, np.full((height, width), 90.0)], axis=2).astype(np.uint8)


def make_clip(
    path: Path,
    pictures: Sequence[Picture],
    times: Sequence[float] | None = None,
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    aspect: Fraction | None = None,
    rotation: int = 0,
    tags: tuple[int, int, int, int] = (2, 2, 2, 0),
    sounds: Sequence[str] = (),
    sound_codec: str = "aac",
    sound_begins: float = 0.0,
    facts: dict[str, str] | None = None,
    fast_start: bool = False,
    ticks: int = 90_000,
) -> Path:
    """Writes pictures of one size, uint8 H×W×3 BGR, at their times in seconds (default 25 a second).

    tags: primaries, transfer, matrix, range.
    sounds: a language for each track of a second of sound, which begins at ``sound_begins`` seconds.
    facts: metadata of the file.
    fast_start: an MP4's index comes first.
    ticks: of a second, in which times are counted.
    """
    times = times if times is not None else [i / 25 for i in range(len(pictures))]
    table = {1: 1, 9: 9}.get(tags[2], 5)
    with av.open(str(path), "w", options={"movflags": "+faststart"} if fast_start else {}) as container:
        container.metadata.update(facts or {})
        stream = container.add_stream(codec, rate=25, options=options or {"crf": "1", "bf": "0"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixel_format
        context = stream.codec_context
        context.time_base = stream.time_base = Fraction(1, ticks)
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = tags
        if aspect:
            context.sample_aspect_ratio = aspect
        if rotation:
            stream.set_display_rotation(rotation)
        tracks: list[Any] = []
        for language in sounds:
            track = container.add_stream(sound_codec, rate=44_100)
            track.codec_context.layout = "mono"
            track.metadata["language"] = language
            tracks.append(track)
        for picture, time in zip(pictures, times, strict=True):
            given = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame = given.reformat(format=pixel_format, dst_colorspace=table, dst_color_range=tags[3] or 1)
            frame.pts, frame.time_base = round(time * ticks), Fraction(1, ticks)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        for track in tracks:
            for start in range(0, 44_100, 1024):
                samples = np.sin(np.arange(start, start + 1024) / 20)[None].astype(np.float32)
                sound = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
                sound.sample_rate, sound.pts = 44_100, start + round(sound_begins * 44_100)
                container.mux(track.encode(sound))
            container.mux(track.encode(None))
    return path


def times_of(path: Path) -> list[float]:
    """Seconds at which each frame is shown."""
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0)]


def pictures_of(path: Path) -> list[Picture]:
    """Every frame, uint8 H×W×3 BGR, as FFmpeg converts it."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def sound_of(path: Path) -> list[bytes]:
    """The packets of the first track of sound."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def psnr(expected: Picture, found: Picture) -> float:
    """In dB."""
    error = float(np.mean((expected.astype(np.float64) - found) ** 2))
    return 10 * float(np.log10(255**2 / max(error, 1e-9)))
