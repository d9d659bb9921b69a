"""Anomalies in a live run: an inspector in the place of a model, told of every frame or of every change."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import cast

from nitido.anomaly.heatmap import draw_heatmap
from nitido.anomaly.inspector import Inspection, Inspector
from nitido.frames import Frame
from nitido.inference.model import Model
from nitido.live.sources import Source

_KEPT = 4  # frames between source and inspector; the live loop lets one wait


@dataclass(frozen=True)
class Sighting:
    """One inspected frame. index: its place in the source, from 0. anomalous: the verdict after ``steady`` frames of
    one mind; changed: it is another than before."""

    index: int
    inspection: Inspection
    anomalous: bool
    changed: bool


class Numbered:
    """A source whose frames are numbered, for :class:`Watcher`; otherwise the one it is made of."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._recent: deque[tuple[int, Frame]] = deque(maxlen=_KEPT)

    @property
    def fps(self) -> float | None:
        return self._source.fps

    @property
    def live(self) -> bool:
        return self._source.live

    @property
    def reconnects(self) -> int:
        return self._source.reconnects

    def __iter__(self) -> Iterator[Frame]:
        for index, frame in enumerate(self._source):
            self._recent.append((index, frame))
            yield frame

    def index_of(self, frame: Frame) -> int:
        """The number of one of the last frames; -1 for any other."""
        return next((index for index, known in reversed(list(self._recent)) if known is frame), -1)

    def close(self) -> None:
        self._source.close()

    def __enter__(self) -> Numbered:
        self._source.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._source.__exit__(kind, error, trace)


class Watcher:
    """An inspector that the live loop takes for a model: it returns frames with their heat on them.

    steady: frames in a row that must agree before the verdict changes. tell: called with every sighting, in the thread
    that inspects. Attributes are those of :class:`nitido.inference.model.Model` that the loop reads.
    """

    has_strength = False
    recurrent = False

    def __init__(
        self, inspector: Inspector, source: Numbered, tell: Callable[[Sighting], None], *, steady: int = 1
    ) -> None:
        self._inspector, self._source, self._tell, self._steady = inspector, source, tell, steady
        reconstruction = inspector.reconstruction
        self.card, self.path, self.device = reconstruction.card, reconstruction.path, reconstruction.device
        self.seen = self.anomalies = 0
        self._anomalous: bool | None = None  # nothing is known yet
        self._last_found, self._agreeing = False, 0
        self._last: tuple[Frame, Frame] | None = None

    def as_model(self) -> Model:
        """Itself under the type that :func:`nitido.live.loop.run` names."""
        return cast(Model, self)

    def __call__(self, frame: Frame, *, strength: float = 1.0) -> Frame:
        """Inspects a frame H×W×3, uint8 BGR, and returns it with what was found, as large. The loop runs the first
        frame twice to warm up; it is inspected once."""
        if self._last is not None and self._last[0] is frame:
            return self._last[1]
        inspection = self._inspector(frame)
        view = draw_heatmap(frame, inspection)
        self._last = frame, view
        self.seen += 1
        self.anomalies += inspection.anomalous
        self._tell(self._sighting(frame, inspection))
        return view

    def _sighting(self, frame: Frame, inspection: Inspection) -> Sighting:
        found = inspection.anomalous
        self._agreeing = self._agreeing + 1 if found == self._last_found else 1
        self._last_found = found
        changed = found != self._anomalous and self._agreeing >= self._steady
        if changed:
            self._anomalous = found
        return Sighting(self._source.index_of(frame), inspection, bool(self._anomalous), changed)
