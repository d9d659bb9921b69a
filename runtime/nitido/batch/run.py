"""Many files through one model: a file that fails is reported and the rest go on; a run that was stopped goes on later.

Every worker thread takes one file at a time from decoding to encoding, so that files are decoded and encoded while
others are inside the model, and no more files are in memory than there are workers.
"""

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

from nitido.batch.engine import Engine, LocalEngine, Settings
from nitido.batch.journal import Journal, Producer, State, version_of
from nitido.batch.plan import Job
from nitido.batch.report import BatchReport
from nitido.errors import NitidoError, SinkUnavailable, SourceUnavailable
from nitido.inference.model import Model
from nitido.system.files import replacing
from nitido.video.io import VideoSink, VideoSource
from nitido.video.sound import with_sound

_log = logging.getLogger(__name__)

COMPLETE = 0.9  # of the frames that a video promises: containers count by duration, to a frame or two


class Batch:
    """A model with the settings of its batches: what its results are told apart by is computed once.

    producer: what decides a result beside its source.
    """

    def __init__(
        self,
        model: Model,
        settings: Settings | None = None,
        *,
        journal: Journal | None = None,
        engine: Engine | None = None,
    ) -> None:
        """journal: of the output folder, entered by the caller; what it knows as done is not done again.
        engine: where pictures are computed; default here."""
        self.model, self.settings = model, settings or Settings()
        self.journal, self.engine = journal, engine or LocalEngine(model, self.settings)
        self.producer = producer_of(model, self.settings)

    def sort(self, jobs: Sequence[Job]) -> list[tuple[Job, State]]:
        """What is to be done with each job. Without a journal every existing result is kept unless settings say to
        overwrite it."""
        return [(job, self._state(job)) for job in jobs]

    def run(
        self,
        jobs: Sequence[tuple[Job, State]],
        *,
        stopping: Callable[[], bool] = lambda: False,
        progress: Callable[[int], None] = lambda _units: None,
        finished: Callable[[Job, str], None] = lambda _job, _reason: None,
    ) -> BatchReport:
        """Does what is to be done with sorted jobs and returns what became of them.

        stopping: asked from any thread, between files and frames; once true, pictures in work are finished and a video
        is dropped.
        progress: called with units done: one for a file, for a video one for every frame.
        finished: called with each job and the reason why it failed, empty when it did not.

        The last two are called in the caller's thread. A full disk ends the run, as ``BatchReport.stopped`` says.
        """
        return _Run(self, stopping).of(jobs, progress, finished)

    def _state(self, job: Job) -> State:
        overwrite = self.settings.overwrite
        if job.problem:
            return State.OPEN
        if self.journal is not None:
            return self.journal.state(job.source, job.target, self.producer, overwrite=overwrite)
        return State.KEPT if job.target.exists() and not overwrite else State.OPEN


def run_jobs(
    model: Model,
    jobs: Sequence[Job],
    settings: Settings | None = None,
    *,
    journal: Journal | None = None,
    engine: Engine | None = None,
    stopping: Callable[[], bool] = lambda: False,
    progress: Callable[[int], None] = lambda _units: None,
    finished: Callable[[Job, str], None] = lambda _job, _reason: None,
) -> BatchReport:
    """Runs all jobs and returns what became of them; see :class:`Batch` and :meth:`Batch.run`."""
    batch = Batch(model, settings, journal=journal, engine=engine)
    return batch.run(batch.sort(jobs), stopping=stopping, progress=progress, finished=finished)


def producer_of(model: Model, settings: Settings) -> Producer:
    """What the results of a run are told apart by."""
    encoding = settings.encoding
    return Producer(
        model.card.name,
        model.sha256,
        {
            "strength": settings.strength,
            "quality": encoding.quality,
            "lossless": encoding.lossless,
            "provenance": encoding.software is not None,
        },
    )


def units(jobs: Sequence[Job]) -> int:
    """How many progress units the jobs will take: pictures plus the frames that videos promise."""
    total = 0
    for job in jobs:
        count = 0
        if job.is_video and not job.problem and job.source.is_file():
            try:
                with VideoSource(job.source) as source:
                    count = source.count
            except SourceUnavailable:
                count = 0
        total += count or 1
    return total


class _Stopped(Exception):
    """The run ends and the file in hand is given up."""


@dataclass(frozen=True)
class _Event:
    """units of progress; job: one that has ended, well when there is no reason; last: a worker has ended."""

    units: int = 0
    job: Job | None = None
    reason: str = ""
    last: bool = False


class _Run:
    """One run of a batch: the workers, and what they report."""

    def __init__(self, batch: Batch, stopping: Callable[[], bool]) -> None:
        self._model, self._settings, self._engine = batch.model, batch.settings, batch.engine
        self._journal, self._producer, self._asked = batch.journal, batch.producer, stopping
        self._halt = threading.Event()
        self._full = ""
        self._events: SimpleQueue[_Event] = SimpleQueue()
        self._taking = threading.Lock()

    def of(
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
        except _Stopped:
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

    def _do(self, job: Job) -> None:
        version = version_of(job.source)
        if version is None:
            raise SourceUnavailable(f"no such file: {job.source}")
        if job.is_video:
            self._run_video(job)
            if self._journal is not None:
                with _as_sink_error(job.target):
                    self._journal.done(job.source, version, job.target, job.target, self._producer)
            return
        with self._engine(job) as write, replacing(job.target) as partial:
            with partial.open("wb") as stream:
                write(stream)
            if self._journal is not None:
                self._journal.done(job.source, version, job.target, partial, self._producer)

    def _run_video(self, job: Job) -> None:
        with (
            with_sound(job.source, job.target) as silent,
            VideoSource(job.source) as source,
            VideoSink(silent.path, source.fps) as sink,
        ):
            for image in self._model.stream(source, strength=self._settings.strength):
                silent.require_room(image.nbytes, sink.frames)
                sink.write(image)
                self._events.put(_Event(1))
                if self._halt.is_set() or self._asked():
                    raise _Stopped
            if sink.frames == 0:
                raise SourceUnavailable(f"{job.source} holds no decodable frame")
            if sink.frames < COMPLETE * source.count:
                raise SourceUnavailable(
                    f"{job.source} ends after {sink.frames} of the {source.count} frames it promises; is the file "
                    "complete? 'nitido live --every-frame' takes what there is"
                )


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
