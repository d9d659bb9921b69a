"""The worker threads of one run of a batch."""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from nitido.batch.engine import Engine, Settings
from nitido.batch.journal import Journal, Producer, State, version_of
from nitido.batch.plan import Job
from nitido.batch.report import BatchReport
from nitido.batch.videos import Abandoned, restore_video
from nitido.errors import NitidoError, SinkUnavailable, SourceUnavailable
from nitido.inference.model import Model
from nitido.system.files import replacing

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Event:
    """units of progress; job: one that has ended, well when there is no reason; last: a worker has ended."""

    units: int = 0
    job: Job | None = None
    reason: str = ""
    last: bool = False


class Workers:
    """The threads of one run, and what they report.

    Every thread takes one file at a time from decoding to encoding, so that files are decoded and encoded while others
    are inside the model, and no more files are in memory than there are threads.
    """

    def __init__(
        self,
        model: Model,
        settings: Settings,
        engine: Engine,
        journal: Journal | None,
        producer: Producer,
        stopping: Callable[[], bool],
    ) -> None:
        self._model, self._settings, self._engine = model, settings, engine
        self._journal, self._producer, self._asked = journal, producer, stopping
        self._halt = threading.Event()
        self._full = ""
        self._events: SimpleQueue[_Event] = SimpleQueue()
        self._taking = threading.Lock()

    def run(
        self,
        jobs: Sequence[tuple[Job, State]],
        progress: Callable[[int], None],
        finished: Callable[[Job, str], None],
    ) -> BatchReport:
        report = BatchReport()
        report.skipped += [job.source for job, state in jobs if state is State.KEPT]
        report.resumed += [job.source for job, state in jobs if state is State.DONE]
        todo = [job for job, state in jobs if state is State.OPEN]
        if self._journal is not None and todo:
            try:
                self._journal.begin(self._producer, overwrite=self._settings.overwrite)
            except OSError as error:
                report.stopped = f"cannot write {self._journal.path}: {error.strerror or error}"
                return report
        workers = min(len(todo), self._engine.workers)
        waiting = iter(todo)
        left = len(todo)
        with ThreadPoolExecutor(max(1, workers), "nitido") as pool:
            try:
                for _ in range(workers):
                    pool.submit(self._work, waiting)
                while workers:
                    event = self._events.get()
                    workers -= event.last
                    progress(event.units)
                    if event.job is not None:
                        left -= 1
                        self._note(report, event.job, event.reason)
                        finished(event.job, event.reason)
            finally:
                self._halt.set()
        report.stopped = self._full or ("interrupted" if left else "")
        if self._journal is not None and todo and not report.stopped:
            with self._warning():
                self._journal.end()
        return report

    def _note(self, report: BatchReport, job: Job, reason: str) -> None:
        if not reason:
            report.done.append(job.target)
            return
        report.failed.append((job.source, reason))
        if self._journal is not None:
            with self._warning():
                self._journal.failed(job.source, job.target, reason)

    @contextmanager
    def _warning(self) -> Iterator[None]:
        """For lines of the journal that no result depends on."""
        try:
            yield
        except OSError as error:
            _log.warning("cannot write the journal: %s", error)

    def _work(self, jobs: Iterator[Job]) -> None:
        """What one worker does."""
        while not self._halt.is_set():
            if self._asked():
                self._halt.set()
                break
            with self._taking:
                job = next(jobs, None)
            if job is None:
                break
            self._events.put(self._try(job))
        self._events.put(_Event(last=True))

    def _try(self, job: Job) -> _Event:
        try:
            if job.problem:
                raise SinkUnavailable(job.problem)
            self._do(job)
        except Abandoned:
            return _Event()
        except NitidoError as error:
            if (full := _disk_full(error)) is None:
                return _Event(1, job, str(error))
            self._full = f"the disk of {job.target.parent} is full ({full.strerror}); make room and start again"
            self._halt.set()
            return _Event()
        except Exception as error:  # one file's surprise must not end the others
            _log.debug("unexpected", exc_info=True)
            return _Event(1, job, f"{job.source}: unexpected {type(error).__name__}: {error}".splitlines()[0])
        return _Event(0 if job.is_video else 1, job)

    def _frame_done(self) -> bool:
        """A frame of a video is written; whether to go on."""
        self._events.put(_Event(1))
        return not (self._halt.is_set() or self._asked())

    def _do(self, job: Job) -> None:
        version = version_of(job.source)
        if version is None:
            raise SourceUnavailable(f"no such file: {job.source}")
        if job.is_video:
            restore_video(self._model, job.source, job.target, self._settings, self._frame_done)
            if self._journal is not None:
                with _as_sink_error(job.target):
                    self._journal.done(job.source, version, job.target, job.target, self._producer)
            return
        with self._engine(job) as write, replacing(job.target) as partial:
            with partial.open("wb") as stream:
                write(stream)
            if self._journal is not None:
                self._journal.done(job.source, version, job.target, partial, self._producer)


@contextmanager
def _as_sink_error(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SinkUnavailable(f"cannot write the journal for {target}: {error.strerror or error}") from error


def _disk_full(error: BaseException | None) -> OSError | None:
    """The system's word that there is no room, among the causes of an error."""
    for _ in range(8):
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return error
        if error is None:
            return None
        error = error.__cause__ or error.__context__
    return None
