"""Reading video files: every frame upright, deinterlaced, and with its own time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nitido.errors import SourceUnavailable
from nitido.frames import Frame
from nitido.video.colour import Decoder, tags_of
from nitido.video.fields import Deinterlacer
from nitido.video.info import describe
from nitido.video.library import codec_threads, load_av, main_video, open_input, reason
from nitido.video.timeline import Timeline
from nitido.wording import count

_COMPLETE = 0.9  # of what a file promises: containers count by duration, to a frame or two
_DAMAGED = 1000  # places that are passed over in one file
_EXACT = ("matroska,webm", "flv")  # formats whose duration is not an estimate


@dataclass(frozen=True)
class TimedFrame:
    """A frame of a file.

    values: uint8 H×W×3 BGR, or uint16, 0..65535, where more than 8 bits were asked for and are there.
    pts: its time stamp, in units of the file's time base.
    duration: in the same units, 0 where the file does not say.
    """

    values: NDArray[Any]
    pts: int
    duration: int


class VideoSource:
    """Frames of a video file, uint8 H×W×3 BGR.

    info: what they are like.
    fps: frames per second on average.
    count: frames that the file promises, 0 if it does not say.
    time: seconds at which the frame that was last given belongs; it begins where the file says, which may be late.

    Interlaced frames are deinterlaced, one frame for each (bwdif), unless ``deinterlace`` is false.
    tone_map: HDR is mapped to the standard dynamic range of BT.709.
    Raises ``SourceUnavailable`` for a file that is not a video.
    """

    live = False
    reconnects = 0

    def __init__(self, path: Path | str, *, deinterlace: bool = True, tone_map: bool = False) -> None:
        """path: a file, or as text the URL of a clip."""
        self.path = path
        if isinstance(path, Path):
            _require_content(path)
        self._av = load_av()
        self._stack = ExitStack()
        self._closed, self._reading = False, threading.Lock()
        self._deinterlace, self._tone_map = deinterlace, tone_map
        self._decoder = Decoder()
        self._start = self._end = 0.0  # seconds at which the file begins and the last packet of any stream ends
        try:
            self._container = self._stack.enter_context(open_input(path))
            self._stream = self._choose_stream()
            self._undealt = self._decoded()
            self._first = next(self._undealt, None)
            if self._first is None:
                raise SourceUnavailable(f"{path} holds no decodable frame")
            self.info = describe(self._stream, self._first, tone_map=tone_map)
        except (self._av.error.FFmpegError, OSError, ValueError) as error:
            self._stack.close()
            raise SourceUnavailable(f"{path} is not a video that can be decoded: {reason(error)}") from error
        except BaseException:
            self._stack.close()
            raise
        self.fps, self.time = self.info.fps, 0.0
        self._promised = int(self._stream.frames or 0)
        self.count = self._promised or self._count_by_duration()

    @property
    def frame_size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.info.width, self.info.height

    def __iter__(self) -> Iterator[Frame]:
        for frame in self.frames():
            yield frame.values

    def frames(self, *, deep: bool = False) -> Iterator[TimedFrame]:
        """The frames with their times, once. deep: in 16 bits, where the file has more than 8."""
        decoded = self._progressive()
        while not self._closed:
            with self._reading:
                try:
                    frame = None if self._closed else next(decoded, None)
                except (self._av.error.FFmpegError, OSError) as error:
                    raise SourceUnavailable(f"{self.path} cannot be decoded further: {reason(error)}") from error
                if frame is None:
                    return
                timed = self._timed(frame, deep=deep)
            self.time = float(timed.pts * self.info.time_base)
            yield timed

    def require_complete(self, frames: int) -> None:
        """Raises ``SourceUnavailable`` when the ``frames`` that were read are far fewer than the file promises, or its
        streams end long before it should."""
        advice = "is the file complete? 'nitido live --every-frame' takes what there is"
        if frames == 0:
            raise SourceUnavailable(f"{self.path} holds no decodable frame")
        if self._promised and frames < _COMPLETE * self._promised:
            raise SourceUnavailable(
                f"{self.path} ends after {frames} of the {count(self._promised, 'frame')} it promises; {advice}"
            )
        length = (self._container.duration or 0) / self._av.time_base
        found, exact = self._end - self._start, self._container.format.name in _EXACT
        if not self._promised and found < _COMPLETE * length - (0.2 if exact else 1.0):
            raise SourceUnavailable(f"{self.path} ends at {found:.1f} s of the {length:.1f} s it promises; {advice}")

    def close(self) -> None:
        """Ends a running iteration after the current frame."""
        self._closed = True

    def __enter__(self) -> VideoSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        with self._reading:  # a reader in another thread is let finish its frame
            self._stack.close()

    def _choose_stream(self) -> Any:
        stream = main_video(self._container)
        if stream is None:
            raise SourceUnavailable(f"{self.path} holds no video")
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = codec_threads()
        return stream

    def _count_by_duration(self) -> int:
        stream = self._stream
        if stream.duration:
            seconds = float(stream.duration * stream.time_base)
        else:
            seconds = (self._container.duration or 0) / self._av.time_base
        return max(0, round(seconds * self.fps))

    def _decoded(self) -> Iterator[Any]:
        """Frames as the decoder gives them; broken packets are passed over."""
        stream, invalid = self._stream, self._av.error.InvalidDataError
        packets, timeline = self._container.demux(), Timeline(self._container, stream)
        self._start = timeline.start
        last: int | None = None
        damaged = 0
        while True:
            try:
                packet = next(packets, None)
            except invalid:
                damaged += 1
                if damaged > _DAMAGED:
                    return
                packets = self._container.demux()  # the file goes on behind it
                continue
            if packet is None:
                return
            timeline.place(packet)
            if packet.pts is not None and packet.time_base:
                self._end = max(self._end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            if packet.stream.index != stream.index:
                continue
            try:
                frames = packet.decode()
            except invalid:
                continue
            for frame in frames:
                step = frame.duration or max(1, round(1 / (float(stream.average_rate or 25) * stream.time_base)))
                if frame.pts is None:  # as in AVI and raw streams: by count
                    frame.pts = 0 if last is None else last + step
                elif last is not None and frame.pts <= last:  # a clock that stands still or goes back
                    frame.pts = last + 1
                last = frame.pts
                yield frame

    def _progressive(self) -> Iterator[Any]:
        """Decoded frames, the interlaced ones as whole pictures."""
        frames = chain([self._first], self._undealt)
        if not self._deinterlace:
            yield from frames
            return

        deinterlacer = Deinterlacer(self._stream)
        for frame in frames:
            yield from deinterlacer.feed(frame)
        yield from deinterlacer.flush()

    def _timed(self, frame: Any, *, deep: bool) -> TimedFrame:
        tags, turns = tags_of(frame), self.info.rotated // 90
        mapped = self._tone_map and bool(tags.hdr)
        values = self._decoder.pixels(frame, tags, deep=deep and self.info.deep and not mapped, tone_map=mapped)
        if turns:
            values = np.ascontiguousarray(np.rot90(values, turns))
        return TimedFrame(values, frame.pts, frame.duration or 0)


def _require_content(path: Path) -> None:
    if not path.is_file():
        raise SourceUnavailable(f"no such file: {path}")
    if path.stat().st_size == 0:
        raise SourceUnavailable(f"{path} is empty, not a video")
