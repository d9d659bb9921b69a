"""Deinterlaces frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nitido.video.library import load_av


class Deinterlacer:
    """One progressive picture for each interlaced frame (bwdif). Frames that are not interlaced pass unchanged.

    From the first interlaced frame on, results are one frame late; :meth:`flush` returns the last ones.
    """

    def __init__(self, stream: Any) -> None:
        self._stream, self._av = stream, load_av()
        self._graph: Any = None
        self._shape = (0, 0, "")

    def feed(self, frame: Any) -> Iterator[Any]:
        """Takes a decoded frame and returns those that are ready."""
        shape = (frame.width, frame.height, frame.format.name)
        if self._graph is not None and shape != self._shape:
            yield from self.flush()
            self._graph = None
        if self._graph is None:
            if not frame.interlaced_frame:
                yield frame
                return
            self._graph, self._shape = self._filter(*shape), shape
        self._graph.vpush(frame)
        yield from self._ready()

    def flush(self) -> Iterator[Any]:
        """Returns the remaining frames."""
        if self._graph is not None:
            self._graph.vpush(None)
            yield from self._ready()

    def _filter(self, width: int, height: int, pixel_format: str) -> Any:
        graph = self._av.filter.Graph()
        kind = self._av.VideoFormat(pixel_format, width, height)
        source = graph.add_buffer(width=width, height=height, format=kind, time_base=self._stream.time_base)
        bwdif = graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
        graph.link_nodes(source, bwdif, graph.add("buffersink")).configure()
        return graph

    def _ready(self) -> Iterator[Any]:
        base = self._stream.time_base
        while True:
            try:
                frame = self._graph.vpull()
            except (self._av.error.BlockingIOError, self._av.error.EOFError):
                return
            # The filter uses its own, finer time units.
            frame.pts = round(frame.pts * frame.time_base / base)
            if frame.duration:
                frame.duration = round(frame.duration * frame.time_base / base)
            frame.time_base = base
            yield frame
