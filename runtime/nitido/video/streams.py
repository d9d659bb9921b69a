"""Copies the other contents of a video file: sound, subtitles, chapters, title, dates, languages, cover, fonts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from nitido.video.facts import facts_of, language_for, lost_facts
from nitido.video.formats import MUXERS
from nitido.video.library import is_cover, main_video, open_input, reason
from nitido.video.sound import recoded_sound
from nitido.video.subtitles import TEXTS, converted_subtitles
from nitido.video.timeline import Timeline
from nitido.video.trial import can_hold, first_packets

_log = logging.getLogger(__name__)
_MATROSKA = (".mkv",)
_COVERS = (".mp4", ".m4v")  # containers in which a cover is a separate stream

# Takes a packet of the source, ``None`` at the end, and returns the packets to write.
Carrier = Callable[[Any], list[Any]]


class CopiedStreams:
    """Copies the other streams of a file into another one, packet by packet, in step with its pictures.

    Sound that the container does not support is encoded again, text subtitles are converted, and other unsupported
    streams are left out; each of these is logged in one line. For a ``with`` block.
    """

    def __init__(self, source: Path | str, output: Any, target: Path) -> None:
        """output: PyAV's container, before its header is written. target: its name, for messages."""
        self._output, self._source, self._target = output, source, target
        self._suffix = target.suffix.lower()
        self._stack = ExitStack()
        container = self._stack.enter_context(open_input(source))
        self._first = first_packets(source) if len(container.streams) > 1 else {}
        self._carriers: dict[int, Carrier] = {}
        self._facts = facts_of(container)
        self._languages: dict[int, str] = {}  # of the streams of the output, by index
        self._left: list[str] = []
        self._changed: list[str] = []
        main = main_video(container)
        for stream in container.streams:
            if stream is not main and not _is_described_elsewhere(stream, container):
                self._add(stream)
        self._copy_facts(container)
        self.main_metadata: dict[str, str] = dict(main.metadata) if main is not None else {}
        if self._changed:
            _log.warning("%s: encoded again: %s", target, ", ".join(self._changed))
        self._report(self._left)
        self._packets = self._read(container, main)
        self._next: Any = None

    def __enter__(self) -> CopiedStreams:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def copy_until(self, seconds: float) -> None:
        """Writes the packets before that moment of the file."""
        while True:
            packet = self._next or next(self._packets, None)
            self._next = None
            if packet is None:
                return
            moment = packet.dts if packet.dts is not None else packet.pts
            if moment is not None and packet.time_base and float(moment * packet.time_base) > seconds:
                self._next = packet
                return
            self._write(self._carriers[packet.stream.index](packet))

    def finish(self) -> None:
        """Writes the remaining packets of encoders."""
        for carrier in self._carriers.values():
            self._write(carrier(None))

    def report_lost(self, written: Path) -> None:
        """Logs metadata of the source that the finished file does not have."""
        self._report(lost_facts(written, self._facts, self._languages))

    def _report(self, left: list[str]) -> None:
        if left:
            _log.warning(
                "%s: left out, because %s files do not support it: %s", self._target, self._suffix, ", ".join(left)
            )

    def _write(self, packets: list[Any]) -> None:
        for packet in packets:
            self._output.mux_one(packet)

    def _add(self, stream: Any) -> None:
        if stream.type == "attachment":
            if not self._attach(stream.name or "attachment", stream.mimetype or "", stream.data):
                self._left.append(_described(stream))
            return
        if is_cover(stream) and self._suffix in _MATROSKA:
            if not self._attach_cover(stream):
                self._left.append(_described(stream))
            return
        carrier = self._copied(stream) or self._converted(stream)
        if carrier is None:
            self._left.append(_described(stream))
        else:
            self._carriers[stream.index] = carrier
            self._name_language(stream, self._output.streams[-1])

    def _name_language(self, stream: Any, made: Any) -> None:
        if stream.language:
            made.metadata["language"] = self._languages[made.index] = language_for(self._suffix, stream.language)

    def _copied(self, stream: Any) -> Carrier | None:
        if stream.type not in ("audio", "subtitle", "video") or stream.codec_context is None:
            return None
        if is_cover(stream) and self._suffix not in _COVERS:
            return None
        if stream.codec_context.name not in self._output.supported_codecs:
            return None
        if not can_hold(MUXERS[self._suffix], stream, self._first.pop(stream.index, ())):
            return None
        copy = self._output.add_stream_from_template(stream)
        copy.metadata.update(stream.metadata)
        copy.disposition = stream.disposition

        newest: int | None = None

        def carry(packet: Any) -> list[Any]:
            nonlocal newest
            if packet is None:
                return []
            if packet.dts is not None:
                if newest is not None and packet.dts <= newest:  # a clock that stops or goes back
                    packet.dts = newest + 1
                    packet.pts = packet.dts if packet.pts is None else max(packet.pts, packet.dts)
                newest = packet.dts
            packet.stream = copy
            return [packet]

        return carry

    def _converted(self, stream: Any) -> Carrier | None:
        suffix = self._suffix
        try:
            if stream.type == "audio" and stream.codec_context is not None:
                carrier, name = recoded_sound(stream, self._output, suffix)
                self._changed.append(f"{_described(stream)} as {name}")
                return carrier
            if stream.type == "subtitle" and getattr(stream.codec_context, "name", "") in TEXTS:
                return converted_subtitles(stream, self._output, suffix)
        except Exception as error:  # PyAV and FFmpeg raise various kinds
            _log.debug("%s: %s", _described(stream), reason(error))
        return None

    def _attach(self, name: str, kind: str, data: bytes) -> bool:
        if self._suffix not in _MATROSKA:
            return False
        self._output.add_attachment(name, kind, data)
        return True

    def _attach_cover(self, stream: Any) -> bool:
        with open_input(self._source) as container:
            packet = next((p for p in container.demux(container.streams[stream.index]) if p.size), None)
        kind = {"png": "png", "mjpeg": "jpeg"}.get(stream.codec_context.name, "")
        return packet is not None and self._attach(f"cover.{kind[:3]}", f"image/{kind}", bytes(packet))

    def _copy_facts(self, container: Any) -> None:
        self._output.metadata.update(self._facts)
        try:
            chapters = container.chapters()
            if chapters and self._suffix == ".avi":
                self._left.append("chapters")
            elif chapters:
                self._output.set_chapters(chapters)
        except Exception as error:  # damaged chapters must not make a video fail
            _log.warning("chapters left out: %s", reason(error))

    def _read(self, container: Any, main: Any) -> Iterator[Any]:
        if not self._carriers:
            return
        # All streams are read, because joints may appear first in any of them.
        timeline = Timeline(container, main)
        for packet in container.demux():
            timeline.place(packet)
            if packet.size and packet.stream.index in self._carriers:
                yield packet


def _is_described_elsewhere(stream: Any, container: Any) -> bool:
    """Whether a stream contains things that are in the metadata, too: a time code, or the names of chapters."""
    if stream.type != "data":
        return False
    return "timecode" in stream.metadata or (bool(container.chapters()) and "mov" in container.format.name)


def _described(stream: Any) -> str:
    if stream.type == "attachment":
        return f"attachment {stream.name or stream.index}"
    codec = stream.codec_context.name if stream.codec_context is not None else "unknown"
    language = f", {stream.language}" if stream.language else ""
    return f"{'cover' if is_cover(stream) else stream.type} {stream.index} ({codec}{language})"
