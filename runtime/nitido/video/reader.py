"""Reads video files: every frame upright, deinterlaced, and with its own time."""

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

# share of the declared frames, because containers count by duration and may be off by one or two frames
_COMPLETE = 0.9
_DAMAGED = 1000  # largest number of damaged places that are skipped in one file
_EXACT = ("matroska,webm", "flv")  # formats with an exact duration


@dataclass(frozen=True)
class TimedFrame:
    """A frame of a file.

    values: uint8 H×W×3 BGR, or uint16, 0..65535, if more than 8 bits were requested and exist.
    pts: its time stamp, in units of the file's time base.
    duration: in the same units; 0 if not specified.
    """

    values: NDArray[Any]
    pts: int
    duration: int


class VideoSource:
    """Frames of a video file, uint8 H×W×3 BGR.

    info: facts about them.
    fps: frames per second on average.
    count: declared number of frames; 0 if not specified.
    time: of the last returned frame, in seconds; the first time may be later than 0.

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
            self._is_avi = "avi" in self._container.format.name.split(",")
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
        self._promised = self._count_promised()
        self.count = self._promised or self._count_by_duration()

    @property
    def frame_size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.info.width, self.info.height

    def __iter__(self) -> Iterator[Frame]:
        for frame in self.frames():
            yield frame.values

    def frames(self, *, deep: bool = False) -> Iterator[TimedFrame]:
        """Iterates over the frames with their times, once. deep: in 16 bits, if the file has more than 8."""
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
        """Raises ``SourceUnavailable`` if far fewer ``frames`` were read than the file declares, or if its streams end
        much too early."""
        advice = "is the file complete? 'nitido live --every-frame' processes the part that exists"
        if frames == 0:
            raise SourceUnavailable(f"{self.path} holds no decodable frame")
        if self._promised and frames < _COMPLETE * self._promised:
            raise SourceUnavailable(
                f"{self.path} ends after {frames} of the {count(self._promised, 'frame')} it promises; {advice}"
            )
        length = (self._container.duration or 0) / self._av.time_base
        found, exact = self._end - self._start, self._container.format.name in _EXACT
        if exact and self._start < length:
            length -= self._start  # these count from 0, even if the first frame is later
        if not self._promised and found < _COMPLETE * length - (0.2 if exact else 1.0):
            raise SourceUnavailable(f"{self.path} ends at {found:.1f} s of the {length:.1f} s it promises; {advice}")

    def close(self) -> None:
        """Ends a running iteration after the current frame."""
        self._closed = True

    def __enter__(self) -> VideoSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        with self._reading:  # a reader in another thread may finish its frame
            self._stack.close()

    def _choose_stream(self) -> Any:
        stream = main_video(self._container)
        if stream is None:
            raise SourceUnavailable(f"{self.path} holds no video")
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = codec_threads()
        return stream

    def _count_promised(self) -> int:
        """The declared number of shown frames; 0 if not specified."""
        promised = int(self._stream.frames or 0)
        if "mov" in self._container.format.name.split(","):
            # An edit list, as trimming without encoding leaves it, hides frames that are only needed for decoding.
            promised -= sum(entry.is_discard for entry in self._stream.index_entries)
        return promised

    def _count_by_duration(self) -> int:
        stream = self._stream
        if stream.duration:
            seconds = float(stream.duration * stream.time_base)
        else:
            seconds = (self._container.duration or 0) / self._av.time_base
        return max(0, round(seconds * self.fps))

    def _decoded(self) -> Iterator[Any]:
        """Frames from the decoder; broken packets are skipped."""
        stream, invalid = self._stream, self._av.error.InvalidDataError
        packets, timeline = self._container.demux(), Timeline(self._container, stream)
        self._start = timeline.start
        last: int | None = None
        counted: int | None = None  # the moment of decoding of the last frame of an AVI
        damaged = 0
        while True:
            try:
                packet = next(packets, None)
            except invalid:
                damaged += 1
                if damaged > _DAMAGED:
                    return
                packets = self._container.demux()  # the file continues after it
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
                if self._is_avi and frame.dts is not None:
                    # It does not contain presentation times, and FFmpeg's guesses are wrong for packed B-frames.
                    if counted is not None and last is not None:
                        frame.pts = last + max(1, frame.dts - counted)
                    counted = frame.dts
                if frame.pts is None:  # as in AVI and raw streams: by count
                    frame.pts = 0 if last is None else last + step
                elif last is not None and frame.pts <= last:  # a clock that stops or goes back
                    frame.pts = last + 1
                last = frame.pts
                yield frame

    def _progressive(self) -> Iterator[Any]:
        """Decoded frames; interlaced ones are deinterlaced."""
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
        if turns or self.info.mirrored:
            values = np.rot90(values, turns)
            values = np.ascontiguousarray(values[:, ::-1] if self.info.mirrored else values)
        return TimedFrame(values, frame.pts, frame.duration or 0)


def _require_content(path: Path) -> None:
    if not path.is_file():
        raise SourceUnavailable(f"no such file: {path}")
    if path.stat().st_size == 0:
        raise SourceUnavailable(f"{path} is empty, not a video")
