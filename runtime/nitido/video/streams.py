"""What a video file holds beside its pictures: sound, subtitles, chapters, title, dates, languages. Copied as it is."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from nitido.video.library import main_video, open_input, reason

_log = logging.getLogger(__name__)


class CopiedStreams:
    """The other streams of a file on their way into another, packet by packet, in step with its pictures.

    What the container cannot hold is logged in one line and left out. For a ``with`` block.
    """

    def __init__(self, source: Path, output: Any, target: Path) -> None:
        """output: PyAV's container, before its header is written. target: its name, for messages."""
        self._output = output
        self._stack = ExitStack()
        container = self._stack.enter_context(open_input(source))
        self._targets: dict[int, Any] = {}
        left: list[str] = []
        main = main_video(container)
        for stream in container.streams:
            if stream is main:
                continue
            if (copy := self._add(stream)) is None:
                left.append(_described(stream))
            else:
                self._targets[stream.index] = copy
        self._copy_facts(container)
        self.main_metadata: dict[str, str] = dict(main.metadata) if main is not None else {}
        if left:
            _log.warning("%s: left out, a %s file cannot hold it: %s", target, target.suffix[1:], ", ".join(left))
        self._packets = self._read(container)
        self._next: Any = None

    def __enter__(self) -> CopiedStreams:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def copy_until(self, seconds: float) -> None:
        """Writes the packets that belong before that moment of the file."""
        while True:
            packet = self._next or next(self._packets, None)
            self._next = None
            if packet is None:
                return
            moment = packet.dts if packet.dts is not None else packet.pts
            if moment is not None and packet.time_base and float(moment * packet.time_base) > seconds:
                self._next = packet
                return
            packet.stream = self._targets[packet.stream.index]
            self._output.mux_one(packet)

    def _add(self, stream: Any) -> Any:
        if stream.type == "attachment":
            try:
                self._output.add_attachment(stream.name or "attachment", stream.mimetype or "", stream.data)
            except Exception:  # a container without attachments; PyAV and FFmpeg raise various kinds
                return None
            return stream
        if stream.type not in ("audio", "subtitle", "video") or stream.codec_context is None:
            return None
        if stream.codec_context.name not in self._output.supported_codecs:
            return None
        try:
            copy = self._output.add_stream_from_template(stream)
        except Exception:  # PyAV and FFmpeg raise various kinds
            return None
        copy.metadata.update(stream.metadata)
        copy.disposition = stream.disposition
        return copy

    def _copy_facts(self, container: Any) -> None:
        brands = ("major_brand", "minor_version", "compatible_brands", "encoder")
        facts = {key: value for key, value in container.metadata.items() if key.lower() not in brands}
        self._output.metadata.update(facts)
        try:
            if chapters := container.chapters():
                self._output.set_chapters(chapters)
        except Exception as error:  # damaged chapters are no reason to lose a video
            _log.warning("chapters left out: %s", reason(error))

    def _read(self, container: Any) -> Iterator[Any]:
        streams = [s for s in container.streams if s.index in self._targets and s.type != "attachment"]
        if not streams:
            return
        for packet in container.demux(streams):
            if packet.dts is not None or packet.pts is not None:  # else it is the empty one that flushes
                yield packet


def _described(stream: Any) -> str:
    codec = stream.codec_context.name if getattr(stream, "codec_context", None) is not None else "unknown"
    language = f", {stream.language}" if stream.language else ""
    return f"{stream.type} {stream.index} ({codec}{language})"
