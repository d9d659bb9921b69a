"""The threads of a live run and their shared state."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from nitido.errors import SinkClosed
from nitido.live.ladder import Change
from nitido.live.mailbox import Mailbox
from nitido.live.overlay import compose
from nitido.live.pacing import PacedWriter, Pacer, TimedWriter
from nitido.live.sinks import Sink, TimedSink, Viewer
from nitido.live.sources import Measured, Source, Timed
from nitido.live.stage import Stage
from nitido.live.state import Captured, Controls, Shot, Status
from nitido.live.statistics import LiveReport, LiveStatistics
from nitido.system.process import leave_behind

_log = logging.getLogger(__name__)
_IDLE = 0.05  # seconds between two checks of the controls while no frame arrives
_GRACE = 2.0  # seconds for a thread to end before it is abandoned
_NOTICE = 4.0  # seconds that the notice of a change is shown


class LiveThreads:
    """The state of one run. Each attribute is written by a single thread, except mailboxes and controls."""

    def __init__(
        self,
        source: Source,
        stage: Stage,
        sink: Sink,
        every_frame: bool,
        overlay: bool,
        controls: Controls,
        clock: Callable[[], float],
    ) -> None:
        self.source, self.stage, self.sink = source, stage, sink
        self.every_frame, self.overlay, self.controls = every_frame, overlay, controls
        self.clock, self.began = clock, clock()
        self.inbox: Mailbox[Captured] = Mailbox(lossless=every_frame)
        self.outbox: Mailbox[Shot] = Mailbox(lossless=every_frame)
        self.halted = threading.Event()
        self.playing = threading.Event()  # until then, the first frame of a clip waits for the stage
        if source.live or every_frame:
            self.playing.set()
        self.captured = self.skipped = self.stale = 0
        self.at_work = False  # the stage processes a frame, or warms up
        self.changes: list[Change] = []
        self.failure: BaseException | None = None
        self.statistics = LiveStatistics()
        self.timed = source if isinstance(source, Timed) else None
        self.writer: PacedWriter | TimedWriter
        if isinstance(sink, TimedSink) and (self.timed or not every_frame):
            self.writer = TimedWriter(sink, longest_gap=None if self.timed else 2.0)
        else:
            self.writer = PacedWriter(sink, Pacer(sink.fps) if sink.fps and not every_frame else None)

    def now(self) -> float:
        """Seconds since the run began."""
        return self.clock() - self.began

    @property
    def dropped(self) -> int:
        """Frames that a newer one replaced."""
        return self.inbox.dropped + self.outbox.dropped + self.stale

    def run(self, progress: Callable[[Status], None], alive: Callable[[], None]) -> LiveReport:
        threads = [
            threading.Thread(target=self._guard, args=(work, mailbox), name=name, daemon=True)
            for name, work, mailbox in (
                ("capture", self._capture, self.inbox),
                ("stage", self._process, self.outbox),
            )
        ]
        for thread in threads:
            thread.start()
        try:
            ended = self._show(progress, alive)
        finally:
            self.controls.over = True
            self.halted.set()
            self.playing.set()
            self.source.close()
            self.inbox.close()
            self.outbox.close()
            for thread in threads:
                thread.join(_GRACE)
                if thread.is_alive():  # in a driver or a library
                    leave_behind(thread)
        if self.failure is not None:
            raise self.failure
        return self._report(ended)

    def _guard(self, work: Callable[[], None], mailbox: Mailbox[Captured] | Mailbox[Shot]) -> None:
        """Runs a thread's work. An error is kept for the calling thread, and the next thread is notified of the end."""
        try:
            work()
        except BaseException as error:
            if self.failure is None:
                self.failure = error
        finally:
            mailbox.close()

    def _capture(self) -> None:
        paced = None if self.source.live or self.every_frame else self.source.fps
        origin = self.now()
        for count, frame in enumerate(self.source):
            moment = self.timed.time if self.timed else None
            if paced:
                if moment is not None and count == 0:
                    origin -= moment
                due = origin + (count / paced if moment is None else moment)
                pause = due - self.now()
                if pause > 0 and self.halted.wait(pause):
                    return
                origin += max(0.0, self.now() - 1.0 / paced - due)  # late frames are not followed by a burst
            if not self.inbox.put(Captured(frame, self.captured, self.now(), moment, self.source.reconnects)):
                return
            self.captured += 1
            if not self.playing.is_set():
                waited = self.now()
                self.playing.wait()
                origin += self.now() - waited

    def _process(self) -> None:
        warm = self._warm_up_ahead()
        while not self.inbox.over:
            self.at_work = False
            item = self.inbox.take()
            if item is None:
                continue
            self.at_work = True
            if item.frame.shape != warm:
                warm = item.frame.shape
                self.stage.warm_up(warm[0], warm[1], self.controls)
                item = self._newer(item)
            if not self.playing.is_set():
                self.playing.set()
                item = replace(item, at=self.now())
            began = self.now()
            result = self.stage(item, self.controls)
            if result is None:
                self.skipped += 1
                continue
            ended = self.now()
            busy = ended - began
            shot = Shot(
                before=item.frame,
                after=result.frame,
                index=item.index,
                captured=item.at,
                busy=busy,
                rung=result.rung,
                time=item.time,
                noise=result.noise,
                past=result.past,
            )
            if not self.outbox.put(shot):
                return
            change = self.stage.observe(busy, ended)
            if change is not None:
                self.changes.append(change)
                _log.warning("ladder %s", change.line())

    def _newer(self, item: Captured) -> Captured:
        """The newer frame that has arrived meanwhile, if there is one and frames may be dropped."""
        newer = None if self.every_frame else self.inbox.take(0)
        if newer is None:
            return item
        self.stale += 1
        return newer

    def _warm_up_ahead(self) -> tuple[int, ...]:
        """Warms up for a size that is known before the first frame, while the camera starts; returns the shape."""
        size = self.source.frame_size if isinstance(self.source, Measured) else None
        if not size:
            return ()
        self.stage.warm_up(size[1], size[0], self.controls)
        return (size[1], size[0], 3)

    def _show(self, progress: Callable[[Status], None], alive: Callable[[], None]) -> str:
        viewer = self.sink if isinstance(self.sink, Viewer) else None
        while not self.outbox.over:
            if self.controls.stopping:
                return "stopped"
            shot = self.outbox.take(_IDLE)
            try:
                if shot is None:
                    if viewer is not None:
                        viewer.idle(self.controls)
                    if not self.at_work:
                        alive()
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
            self.statistics.add(now=now, delay=now - shot.captured, busy=shot.busy, rung=shot.rung)
            progress(status)
        return "stopped" if self.controls.stopping else "source ended"

    def _moment(self, shot: Shot) -> float:
        """The time of the frame in seconds: from the clip, from its number for sources with a rate, or else from the
        clock."""
        if shot.time is not None:
            return shot.time
        if self.source.live or not self.source.fps:
            return shot.captured
        return shot.index / self.source.fps

    def _status(self, shot: Shot) -> Status:
        """The status that is shown with a frame. It counts this frame, whose delay is not known yet."""
        median, high = self.statistics.recent
        notice = ""
        if self.changes and self.now() - self.changes[-1].at < _NOTICE:
            notice = self.changes[-1].line()
        return Status(
            fps=self.statistics.fps,
            p50_ms=1000 * median,
            p95_ms=1000 * high,
            captured=self.captured,
            shown=self.statistics.shown + 1,
            dropped=self.dropped,
            rung=shot.rung,
            size=(shot.after.shape[1], shot.after.shape[0]),
            strength=self.controls.strength,
            bypass=self.controls.bypass,
            reconnects=self.source.reconnects,
            notice=notice,
            noise=shot.noise,
            past=shot.past,
        )

    def _report(self, ended: str) -> LiveReport:
        return self.statistics.report(
            captured=self.captured,
            dropped=self.dropped,
            skipped=self.skipped,
            changes=tuple(self.changes),
            reconnects=self.source.reconnects,
            ended=ended,
        )
