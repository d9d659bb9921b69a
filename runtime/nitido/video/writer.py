"""Writes video files, which get their name only when they are complete."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from nitido.errors import FrameMismatch, SinkUnavailable
from nitido.frames import Frame
from nitido.system.files import partial_path, sync_to_disk
from nitido.system.scheduling import keep_scheduling
from nitido.video.colour import BT470BG, FULL, ColourTags, Encoder
from nitido.video.encoders import (
    SHAPELESS,
    advice,
    default_codec,
    find_encoder,
    is_deep,
    keeps_mastering,
    options_of,
    pixel_format,
)
from nitido.video.formats import DEFAULT, MUXERS, QUALITY, WRITTEN, Encoding
from nitido.video.info import VideoInfo
from nitido.video.library import OpenFile, codec_threads, load_av, reason
from nitido.video.readback import put_in_place
from nitido.video.room import require_room
from nitido.video.shapes import even, with_square_pixels
from nitido.video.streams import CopiedStreams

_MOVIE = {"movflags": "+faststart", "use_editlist": "1"}
# An AVI counts frames, so sound that begins earlier must not shift them by one.
_MUXER_OPTIONS = {"mp4": _MOVIE, "mov": _MOVIE, "avi": {"avoid_negative_ts": "disabled"}}
_CLOCK = Fraction(1, 90_000)  # the unit of time of a recording
_log = logging.getLogger(__name__)


class VideoSink:
    """Writes frames to a video file, which gets its name only when it is complete and synced to the disk.

    fps: frames per second for :meth:`write`. frames: number of written frames. encoder: its name in FFmpeg.

    4:2:0 halves both sides of the colour, so the last row or column of odd sides is repeated. Without ``like``, files
    are tagged BT.709 with limited range.

    An exception in the context removes the file. With ``keep``, the frames so far become a playable file instead, for
    recordings that cannot be repeated. Raises ``SinkUnavailable``, also when the disk fills up or the finished file
    cannot be read back, and ``FrameMismatch``.
    """

    def __init__(
        self,
        path: Path,
        fps: float,
        *,
        keep: bool = False,
        encoding: Encoding = DEFAULT,
        like: VideoInfo | None = None,
        streams_of: Path | str | None = None,
        whole: bool = True,
    ) -> None:
        """like: the pictures whose time base, pixel aspect, colours and depth are used. streams_of: a file, or as text
        the URL of a clip, whose sound, subtitles, chapters and metadata are copied; with ``whole`` to their end, else
        to the end of the pictures."""
        suffix = path.suffix.lower()
        if suffix not in WRITTEN:
            raise SinkUnavailable(f"cannot write {path}: expected a name ending in {', '.join(sorted(WRITTEN))}")
        self._av = load_av()
        self.path, self.fps, self.frames = path, fps, 0
        self._keep, self._like, self._streams_of, self._whole = keep, like, streams_of, whole
        self._tags = like.tags.settled(like.height) if like else ColourTags()
        self._quality = encoding.quality or QUALITY
        self._codec = encoding.codec or default_codec(suffix, deep=like is not None and like.deep)
        self.encoder = find_encoder(self._codec)
        if self.encoder == "mjpeg":
            self._tags = replace(self._tags, matrix=BT470BG, range=FULL)  # JPEG does not support others
        self._mastering = like.mastering if like else None
        # Neither the codec nor, with PyAV, the container can store the pixel aspect.
        shapeless = self.encoder in SHAPELESS and MUXERS[suffix] in ("matroska", "webm")
        self._stretched = shapeless and like is not None and like.aspect != 1
        self._partial = partial_path(path)
        self._stack = ExitStack()
        self._file: OpenFile | None = None
        self._container: Any = None
        self._stream: Any = None
        self._copied: CopiedStreams | None = None
        self._shape: tuple[int, ...] = ()
        self._last = -1
        self._durations: dict[int, int] = {}
        self._durations_end = 0  # of the last frame
        self._held: Any = None  # the newest packet, until the next one shows how long it lasts
        self._reads = like is not None and like.deep

    @property
    def deep(self) -> bool:
        """Whether it keeps more than 8 bits, if ``like`` has them and the encoder supports them."""
        return self._reads and is_deep(pixel_format(self.encoder, deep=True))

    def write(self, frame: Frame) -> None:
        """Appends a frame uint8 H×W×3 BGR, ``1/fps`` after the one before; the first one sets the size."""
        base = self._time_base()
        self._write(frame, round(self.frames / self.fps / base), max(1, round(1 / self.fps / base)))

    def write_at(self, frame: Frame, seconds: float) -> None:
        """Appends a frame for that moment. A frame that is too early for the container is left out."""
        pts = round(seconds / self._time_base())
        if pts > self._last:
            self._write(frame, pts, max(1, round(1 / self.fps / self._time_base())))

    def write_timed(self, frame: NDArray[Any], pts: int, duration: int = 0) -> None:
        """Appends a frame uint8 or, with :attr:`deep`, uint16 H×W×3 BGR, with its time stamp and duration in units of
        the time base of ``like``."""
        if self._like is None:
            raise ValueError("a time stamp needs the time base of a source; write_at takes seconds")
        base = self._time_base()
        if base != self._like.time_base:
            pts = round(pts * self._like.time_base / base)
            duration = round(duration * self._like.time_base / base)
            if pts <= self._last:
                return  # a container with a fixed rate has one frame for each moment
        self._write(frame, pts, duration)

    def __enter__(self) -> VideoSink:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        failed = kind is not None
        try:
            if self._container is None:
                return
            try:
                self._finish(failed=failed, keep=not failed or self._keep)
            except (self._av.error.FFmpegError, OSError) as error:
                if not failed:
                    raise self._cannot(error) from error
        finally:
            self._stack.close()
            if self._partial.parent.is_dir():
                self._partial.unlink(missing_ok=True)

    def _write(self, frame: NDArray[Any], pts: int, duration: int) -> None:
        if self._container is None:
            self._open(frame)
        if frame.shape != self._shape:
            raise FrameMismatch(f"{self.path}: expected frames of {self._shape}, found {frame.shape}")
        require_room(self.path, frame.nbytes, self.frames, keep=self._keep)
        try:
            made = self._encoder.frame(self._fitted(frame))
            made.pts, made.time_base = pts, self._time_base()
            self._durations[pts] = self._durations_end = duration
            if self._copied is not None:
                self._copied.copy_until(float(pts * self._time_base()))
            self._mux(self._stream.encode(made))
        except (self._av.error.FFmpegError, OSError) as error:
            raise self._cannot(error) from error
        self._last = pts
        self.frames += 1

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            # Encoders do not set durations, and without one a player has to guess how long the last frame is shown. A
            # frame is shown until the next one; durations of the source belong to other frames if it has B-frames.
            packet.duration = self._durations.pop(packet.pts, 0) or packet.duration
            held, self._held = self._held, packet
            if held is not None:
                if held.pts is not None and packet.pts is not None and packet.pts > held.pts:
                    held.duration = packet.pts - held.pts
                self._container.mux_one(held)

    def _open(self, frame: NDArray[Any]) -> None:
        self._shape = frame.shape
        height, width = self._fitted(frame).shape[:2]
        suffix = self.path.suffix.lower()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered, because FFmpeg has a buffer, and a full disk should be noticed by the write that fails.
            file = self._stack.enter_context(self._partial.open("w+b", buffering=0))
        except OSError as error:
            raise self._cannot(error) from error
        try:
            options = _MUXER_OPTIONS.get(MUXERS[suffix], {})
            self._file = OpenFile(file, suffix)
            container = self._av.open(self._file, "w", format=MUXERS[suffix], options=options, io_open=self._read_again)
            rate = Fraction(self.fps).limit_denominator(100_000)
            stream = container.add_stream(self.encoder, rate=rate)
            stream.width, stream.height, stream.pix_fmt = width, height, pixel_format(self.encoder, deep=self._reads)
            context = stream.codec_context
            context.time_base = stream.time_base = self._time_base()
            context.options = options_of(self.encoder, self._quality, self._mastering)
            context.thread_count = codec_threads()
            context.colorspace, context.color_range = self._tags.matrix, self._tags.range
            context.color_primaries, context.color_trc = self._tags.primaries, self._tags.transfer
            if self._like is not None and self._like.aspect != 1 and not self._stretched:
                context.sample_aspect_ratio = self._like.aspect
            if suffix in (".mp4", ".m4v", ".mov") and self.encoder in ("libx265", "hevc_nvenc"):
                context.codec_tag = "hvc1"  # the tag that Apple's players support
            if self._streams_of is not None:
                self._copied = self._stack.enter_context(CopiedStreams(self._streams_of, container, self.path))
                for key in ("language", "title", "creation_time", "timecode"):
                    if key in self._copied.main_metadata:
                        stream.metadata[key] = self._copied.main_metadata[key]
            with keep_scheduling():
                container.start_encoding()
        except (self._av.error.FFmpegError, OSError, ValueError) as error:
            codec = "" if self._codec == self.encoder else f" ({self._codec})"
            raise SinkUnavailable(
                f"cannot write {self.path} with {self.encoder}{codec}: {reason(error)}; {advice(self.encoder)}"
            ) from error
        if self._mastering and not keeps_mastering(self.encoder):
            _log.warning(
                "%s: left out, because %s does not support it: data on the mastering display", self.path, self.encoder
            )
        if self._like is not None and self._like.transparent:
            _log.warning("%s: left out: transparency", self.path)
        if self._stretched and self._like is not None:
            _log.warning("%s: pixels of %s are made square: %d×%d", self.path, self._like.aspect, width, height)
        self._container, self._stream = container, stream
        self._encoder = Encoder(stream.pix_fmt, self._tags)

    def _read_again(self, _url: str, _flags: int, _options: dict[str, str]) -> Any:
        """The file so far, which FFmpeg reads again to move its index to the front."""
        return OpenFile(self._partial.open("rb"), self.path.suffix)

    def _finish(self, *, failed: bool, keep: bool) -> None:
        """Ends the file, syncs it, reads it back and renames it."""
        if not keep:
            return
        self._mux(self._stream.encode(None))
        if self._held is not None:
            end = round(self._like.end * self._like.time_base / self._time_base()) if self._like and self._whole else 0
            if end > self._last == self._held.pts:
                self._held.duration = end - self._last
            self._container.mux_one(self._held)
        if self._copied is not None:
            end = float((self._last + self._durations_end) * self._time_base())
            self._copied.copy_until(float("inf") if self._whole else end)
            self._copied.finish()
        self._container.close()
        if self._file is not None:
            if self._file.failure is not None:
                raise self._file.failure
            sync_to_disk(self._file.file.fileno(), self.path)
        if self._copied is not None:
            self._copied.report_lost(self._partial)
        put_in_place(self._partial, self.path, self.frames, keep=self._keep, failed=failed)

    def _fitted(self, frame: NDArray[Any]) -> NDArray[Any]:
        if self._stretched and self._like is not None:
            frame = with_square_pixels(frame, self._like.aspect)
        return even(frame)

    def _time_base(self) -> Fraction:
        if self.path.suffix.lower() == ".avi":  # every frame is as long as the next
            return 1 / Fraction(self.fps).limit_denominator(100_000)
        return self._like.time_base if self._like else _CLOCK

    def _cannot(self, error: BaseException) -> SinkUnavailable:
        return SinkUnavailable(f"cannot write {self.path}: {reason(error)}; nothing was changed")
