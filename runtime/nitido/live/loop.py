"""The live loop: capture, restoration and sink each at their own pace, and only the newest frame goes on.

    with open_source("0") as source, open_sink("window") as sink:
        report = run(source, open_variants("denoise"), sink, fps=30)

Between the three lie mailboxes for one frame. A stage that is late finds the newest frame there and never a queue, so
the delay is that of the frame in hand however long the overload lasts.

A model's first run is slow, so every variant has it before anything is shown. A clip begins to play only then, with its
first frame; a camera goes on meanwhile and is joined at its newest.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nitido.errors import SinkClosed
from nitido.frames import Frame
from nitido.inference.model import Model
from nitido.live.ladder import Change, Ladder, Rung, plan_rungs
from nitido.live.mailbox import Mailbox
from nitido.live.overlay import compose
from nitido.live.pacing import Timeline, Writer
from nitido.live.sinks import Sink, Viewer
from nitido.live.sources import Measured, Source
from nitido.live.stage import Restorer
from nitido.live.state import Controls, Shot, Status
from nitido.live.statistics import LiveReport, Meter
from nitido.live.variants import variant_names

_log = logging.getLogger(__name__)
_IDLE = 0.05  # seconds between two looks at the controls while no frame comes
_GRACE = 2.0  # seconds for a thread to end before it is left behind
_BYPASS = Rung("bypass", None)
_NOTICE = 4.0  # seconds that a change stays on the screen


def run(
    source: Source,
    models: Model | Sequence[Model],
    sink: Sink,
    *,
    fps: float | None = None,
    every_frame: bool = False,
    overlay: bool = False,
    controls: Controls | None = None,
    progress: Callable[[Status], None] = lambda _status: None,
) -> LiveReport:
    """Restores ``source`` into ``sink`` until it ends or the controls say stop; both are entered by the caller.

    models: one, or variants from best to fastest for the ladder. fps: frames per second to keep; the ladder then
    steps down when the restoration is too slow and up again when there is room. ``None``: the first model, as fast as
    it is. every_frame: no frame is dropped and the ladder rests; for files and pipes. A source that is not live is
    otherwise read at its own rate. overlay: draw the status onto what a sink without a view of its own gets.
    progress: called with the status after each frame shown, in the calling thread.

    The sink runs in the calling thread, capture and restoration in threads of their own. Raises what source, models
    and sink raise, after all three have stopped; ``SinkClosed`` ends the run well.
    """
    given = list(models) if isinstance(models, Sequence) else [models]
    if not given:
        raise ValueError("expected at least one model, found none")
    loop = _Loop(source, given, sink, fps, every_frame, overlay, controls or Controls())
    return loop.run(progress)


@dataclass(frozen=True)
class _Captured:
    frame: Frame
    index: int
    at: float


class _Loop:
    """The state of one run. Each attribute is written by one thread only, apart from mailboxes and controls."""

    def __init__(
        self,
        source: Source,
        models: list[Model],
        sink: Sink,
        fps: float | None,
        every_frame: bool,
        overlay: bool,
        controls: Controls,
    ) -> None:
        self.source, self.models, self.sink = source, models, sink
        self.every_frame, self.overlay, self.controls = every_frame, overlay, controls
        self.began = time.monotonic()
        self.inbox: Mailbox[_Captured] = Mailbox(lossless=every_frame)
        self.outbox: Mailbox[Shot] = Mailbox(lossless=every_frame)
        self.halted = threading.Event()
        self.playing = threading.Event()  # until then, the first frame of a clip waits for the models
        if source.live or every_frame:
            self.playing.set()
        self.captured = self.skipped = self.stale = 0
        self.changes: list[Change] = []
        self.failure: BaseException | None = None
        self.meter = Meter()
        rungs = plan_rungs(variant_names(models), halving=models[0].card.scale == 1)
        self.best = rungs[0]
        self.ladder: Ladder | None = None
        if fps is not None and not every_frame:
            # A camera slower than the wish leaves more time for each of its frames.
            self.ladder = Ladder(rungs, 1.0 / min(fps, source.fps or fps))
        self.writer = Writer(sink, Timeline(sink.fps) if sink.fps and not every_frame else None)

    def now(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.began

    @property
    def dropped(self) -> int:
        """Frames that a newer one replaced."""
        return self.inbox.dropped + self.outbox.dropped + self.stale

    def run(self, progress: Callable[[Status], None]) -> LiveReport:
        threads = [
            threading.Thread(target=self._guard, args=(work, mailbox), name=name, daemon=True)
            for name, work, mailbox in (
                ("capture", self._capture, self.inbox),
                ("restore", self._restore, self.outbox),
            )
        ]
        for thread in threads:
            thread.start()
        try:
            ended = self._show(progress)
        finally:
            self.halted.set()
            self.playing.set()
            self.source.close()
            self.inbox.close()
            self.outbox.close()
            for thread in threads:
                thread.join(_GRACE)  # one that hangs in a driver is a daemon and ends with the process
        if self.failure is not None:
            raise self.failure
        return self._report(ended)

    def _guard(self, work: Callable[[], None], mailbox: Mailbox[_Captured] | Mailbox[Shot]) -> None:
        """Runs a thread's work; a failure is kept for the calling thread, and the next stage learns that it ended."""
        try:
            work()
        except BaseException as error:
            if self.failure is None:
                self.failure = error
        finally:
            mailbox.close()

    def _capture(self) -> None:
        rate = None if self.source.live or self.every_frame else self.source.fps
        due = self.now()
        for frame in self.source:
            if rate:
                pause = due - self.now()
                if pause > 0 and self.halted.wait(pause):
                    return
                due = max(due, self.now() - 1.0 / rate) + 1.0 / rate  # late frames are not made up for in a burst
            if not self.inbox.put(_Captured(frame, self.captured, self.now())):
                return
            self.captured += 1
            if not self.playing.is_set():
                self.playing.wait()
                due = self.now() + (1.0 / rate if rate else 0.0)

    def _restore(self) -> None:
        restore = Restorer(self.models)
        warm = self._warm_up_ahead()
        turn = 0
        while not self.inbox.over:
            item = self.inbox.take()
            if item is None:
                continue
            if item.frame.shape != warm:
                warm = item.frame.shape
                self._warm_up(item.frame)
                item = self._newer(item)
            if not self.playing.is_set():
                self.playing.set()
                item = replace(item, at=self.now())
            rung = self.ladder.rung if self.ladder else self.best
            if self.controls.bypass:
                rung = _BYPASS
            turn += 1
            if turn % rung.every:
                self.skipped += 1
                continue
            began = self.now()
            after = restore(item.frame, rung, self.controls.strength)
            ended = self.now()
            if not self.outbox.put(Shot(item.frame, after, item.index, item.at, ended - began, rung.name)):
                return
            change = self.ladder.observe(ended - began, ended) if self.ladder and rung is not _BYPASS else None
            if change is not None:
                self.changes.append(change)
                _log.warning("ladder %s", change.line())

    def _newer(self, item: _Captured) -> _Captured:
        """The frame that came meanwhile, if there is one and frames may be dropped."""
        newer = None if self.every_frame else self.inbox.take(0)
        if newer is None:
            return item
        self.stale += 1
        return newer

    def _warm_up_ahead(self) -> tuple[int, ...]:
        """Warms up for a size that is known before the first frame, while the camera starts; the shape it was for."""
        size = self.source.frame_size if isinstance(self.source, Measured) else None
        shape = (size[1], size[0], 3) if size else ()
        if shape:
            self._warm_up(np.zeros(shape, np.uint8))
        return shape

    def _warm_up(self, frame: Frame) -> None:
        """Runs what every rung runs, once: the first run at a size plans memory and takes several times as long."""
        restore = Restorer(self.models)
        rungs = self.ladder.rungs if self.ladder else [self.best]
        for rung in {(rung.variant, rung.half): rung for rung in rungs}.values():
            if self.halted.is_set():
                return
            restore(frame, rung, self.controls.strength)

    def _show(self, progress: Callable[[Status], None]) -> str:
        viewer = self.sink if isinstance(self.sink, Viewer) else None
        while not self.outbox.over:
            if self.controls.stopping:
                return "stopped"
            shot = self.outbox.take(_IDLE)
            try:
                if shot is None:
                    if viewer is not None:
                        viewer.idle(self.controls)
                    continue
                status = self._status(shot)
                if viewer is not None:
                    viewer.show(shot, status, self.controls)
                else:
                    view = compose(shot, status if self.overlay else None, split=self.controls.split)
                    self.writer.write(view, self._moment(shot))
            except SinkClosed as error:
                return str(error)
            now = self.now()
            self.meter.add(now=now, delay=now - shot.captured, busy=shot.busy, rung=shot.rung)
            progress(self._status(shot))
        return "stopped" if self.controls.stopping else "source ended"

    def _moment(self, shot: Shot) -> float:
        """Seconds at which the frame belongs: by count for what is played at a rate, else by the clock."""
        if self.source.live or not self.source.fps:
            return shot.captured
        return shot.index / self.source.fps

    def _status(self, shot: Shot) -> Status:
        median, high = self.meter.recent
        notice = ""
        if self.changes and self.now() - self.changes[-1].at < _NOTICE:
            notice = self.changes[-1].line()
        return Status(
            fps=self.meter.fps,
            p50_ms=1000 * median,
            p95_ms=1000 * high,
            captured=self.captured,
            shown=self.meter.shown,
            dropped=self.dropped,
            rung=shot.rung,
            size=(shot.after.shape[1], shot.after.shape[0]),
            strength=self.controls.strength,
            bypass=self.controls.bypass,
            reconnects=self.source.reconnects,
            notice=notice,
        )

    def _report(self, ended: str) -> LiveReport:
        return self.meter.report(
            captured=self.captured,
            dropped=self.dropped,
            skipped=self.skipped,
            changes=tuple(self.changes),
            reconnects=self.source.reconnects,
            ended=ended,
        )
