"""The worker threads of one run of a batch."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

from nitido.batch.engine import Abandoned, Engine, Findings, Settings
from nitido.batch.journal import FileVersion, Journal, Producer, State, version_of
from nitido.batch.plan import Job
from nitido.batch.report import BatchReport
from nitido.errors import NitidoError, SinkUnavailable, SourceUnavailable
from nitido.inference.model import Model
from nitido.system.files import copy_mode, replacing
from nitido.system.search import problem_of

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Event:
    """units: of progress. job: a job that has ended, successfully if ``reason`` is empty. findings: of its result.
    last: whether a worker has ended."""

    units: int = 0
    job: Job | None = None
    reason: str = ""
    findings: Findings = field(default_factory=Findings)
    last: bool = False


class Workers:
    """The threads of one run, and their reports.

    Every thread processes one file at a time, from decoding to encoding. So files are decoded and encoded while others
    are in the model, and there are never more files in memory than threads.
    """

    def __init__(
        self,
        clips: Callable[[], Model],
        settings: Settings,
        engine: Engine,
        journal: Journal | None,
        producer: Producer,
        stopping: Callable[[], bool],
    ) -> None:
        """clips: the model of videos."""
        self._clips, self._settings, self._engine = clips, settings, engine
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
        noted: Callable[[Job, str], None],
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
                        self._note(report, event.job, event)
                        for note in event.findings.notes:
                            noted(event.job, note)
                        finished(event.job, event.reason)
            finally:
                self._halt.set()
        report.stopped = self._full or ("interrupted" if left else "")
        if self._journal is not None and todo and not report.stopped:
            with self._warning():
                self._journal.end()
        return report

    def _note(self, report: BatchReport, job: Job, event: _Event) -> None:
        reason = event.reason
        if not reason:
            report.done.append(job.target)
            report.notes += [(job.source, note) for note in event.findings.notes]
            if event.findings.noise is not None:
                report.levels.append((job.source, event.findings.noise))
            return
        report.failed.append((job.source, reason))
        if self._journal is not None:
            with self._warning():
                self._journal.failed(job.source, job.target, reason)

    @contextmanager
    def _warning(self) -> Iterator[None]:
        """Logs errors of journal lines that no result depends on."""
        try:
            yield
        except OSError as error:
            _log.warning("cannot write the journal: %s", error)

    def _work(self, jobs: Iterator[Job]) -> None:
        """The work of one thread."""
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
            findings = self._do(job)
        except Abandoned:
            return _Event()
        except NitidoError as error:
            if (full := _disk_full(error)) is None:
                return _Event(1, job, str(error))
            self._full = f"the disk of {job.target.parent} is full ({full.strerror}); make room and start again"
            self._halt.set()
            return _Event()
        except Exception as error:  # an unexpected error of one file must not end the others
            _log.debug("unexpected", exc_info=True)
            return _Event(1, job, f"{job.source}: unexpected {type(error).__name__}: {error}".splitlines()[0])
        return _Event(0 if job.is_video else 1, job, findings=findings)

    def _frame_done(self) -> bool:
        """Call after a frame of a video was written; returns whether to continue."""
        self._events.put(_Event(1))
        return not (self._halt.is_set() or self._asked())

    def _do(self, job: Job) -> Findings:
        """Makes the result and returns facts about it."""
        version = version_of(job.source)
        if version is None:
            raise SourceUnavailable(problem_of(job.source) or f"no such file: {job.source}")
        if job.is_video:
            from nitido.batch.videos import restore_video  # only loaded for videos

            level = restore_video(self._clips(), job.source, job.target, self._settings, self._frame_done)
            findings = Findings(noise=level)
            with _as_sink_error(job.target):
                self._made(job, version, job.target)
        else:
            with self._engine(job) as write, replacing(job.target) as partial:
                with partial.open("wb") as stream:
                    findings = write(stream)
                self._made(job, version, partial)
        if self._settings.preserve_times:
            copy_mode(job.source, job.target)
        return findings

    def _made(self, job: Job, version: FileVersion, result: Path) -> None:
        """Call when ``result`` is complete and has the target's name or is about to get it."""
        if self._settings.preserve_times:
            os.utime(result, ns=(time.time_ns(), version.mtime_ns))
        if self._journal is not None:
            self._journal.done(job.source, version, job.target, result, self._producer)


@contextmanager
def _as_sink_error(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SinkUnavailable(f"cannot finish {target}: {error.strerror or error}") from error


def _disk_full(error: BaseException | None) -> OSError | None:
    """The error of the system that the disk is full, among the causes of an error."""
    for _ in range(8):
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return error
        if error is None:
            return None
        error = error.__cause__ or error.__context__
    return None
