"""Processes many files. Files that fail are reported and the others continue; a stopped run can be continued."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from nitido.batch.clip_model import ClipModel
from nitido.batch.engine import Engine, LocalEngine, Settings
from nitido.batch.journal import Journal, Producer, State
from nitido.batch.plan import Job
from nitido.batch.report import BatchReport
from nitido.batch.workers import Workers
from nitido.inference.levels import Noise
from nitido.inference.model import Model
from nitido.system.files import exists


class Batch:
    """A model with the settings of its batches.

    producer: what a result depends on besides its source; computed once.
    """

    def __init__(
        self,
        model: Model,
        settings: Settings | None = None,
        *,
        journal: Journal | None = None,
        engine: Engine | None = None,
        clips: ClipModel | None = None,
    ) -> None:
        """journal: of the output folder, entered by the caller; jobs that it lists as done are skipped. engine:
        computes pictures; default: on this machine. clips: the model of videos; default: the same."""
        self.model, self.settings, self.clips = model, settings or Settings(), clips
        self.journal, self.engine = journal, engine or LocalEngine(model, self.settings)
        self.producer = producer_of(model, self.settings, clips)

    def sort(self, jobs: Sequence[Job]) -> list[tuple[Job, State]]:
        """What to do with each job. Without a journal, existing results are kept, unless the settings say to overwrite
        them."""
        return [(job, self._state(job)) for job in jobs]

    def run(
        self,
        jobs: Sequence[tuple[Job, State]],
        *,
        stopping: Callable[[], bool] = lambda: False,
        progress: Callable[[int], None] = lambda _units: None,
        finished: Callable[[Job, str], None] = lambda _job, _reason: None,
        noted: Callable[[Job, str], None] = lambda _job, _note: None,
    ) -> BatchReport:
        """Processes sorted jobs and returns the outcome.

        stopping: called in any thread, between files and frames. Once it returns ``True``, pictures in progress are
        finished and a video is abandoned.
        progress: called with units of work done: one for a file, or for each frame of a video.
        finished: called with each job and the reason why it failed; the reason is empty if it did not.
        noted: called before that with each line about something that a result lacks.

        The last three are called in the caller's thread. A full disk ends the run; ``BatchReport.stopped`` then says
        so.
        """
        clips = self.clips or (lambda: self.model)
        workers = Workers(clips, self.settings, self.engine, self.journal, self.producer, stopping)
        return workers.run(jobs, progress, finished, noted)

    def _state(self, job: Job) -> State:
        overwrite = self.settings.overwrite
        if job.problem:
            return State.OPEN
        if self.journal is not None:
            return self.journal.state(job.source, job.target, self.producer, overwrite=overwrite)
        return State.KEPT if exists(job.target) and not overwrite else State.OPEN


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
    """Runs all jobs and returns the outcome.

    Args:
        model: restores the pictures and videos.
        jobs: see :func:`nitido.batch.plan.plan_jobs`.
        settings: how the batch is run.
        journal: journal of the output folder, entered by the caller. Jobs that it lists as done are skipped.
        engine: where pictures are computed. Default: in this process.
        stopping: called from any thread, between files and frames. Once it returns ``True``, pictures in progress are
            finished and a video is dropped.
        progress: called with units of work done: one for a picture, one for each frame of a video.
        finished: called with each job and the reason why it failed; the reason is empty if it did not.
    """
    batch = Batch(model, settings, journal=journal, engine=engine)
    return batch.run(batch.sort(jobs), stopping=stopping, progress=progress, finished=finished)


def producer_of(model: Model, settings: Settings, clips: ClipModel | None = None) -> Producer:
    """Everything that the results of a run depend on. clips: the model of its videos, if it is another one."""
    encoding, video = settings.encoding, settings.video
    asked = {
        "codec": video.codec,
        "video_quality": video.quality,
        "tone_map": settings.tone_map,
        "temporal": settings.temporal,
        "size": settings.enlarger.asked() if settings.enlarger else None,
        "choice": settings.chooser.asked() if settings.chooser else None,
        "clips": f"{clips.name}, sha256 {clips.sha256[:12]}" if clips else None,
    }
    return Producer(
        model.card.name,
        model.sha256,
        {
            "strength": settings.strength,
            "quality": encoding.quality,
            "lossless": encoding.lossless,
            "provenance": encoding.software is not None,
            # Only options that were given, so that a journal of an earlier version still fits.
            **{name: value for name, value in asked.items() if value},
            **({} if settings.deinterlace else {"deinterlace": False}),
            **({} if settings.noise is None else {"noise": _named(settings.noise)}),
        },
    )


def _named(noise: Noise) -> float | str:
    """A level itself, or the digest of a calibration, so that a run is only continued with the same one."""
    return noise if isinstance(noise, int | float) else hashlib.sha256(repr(noise).encode()).hexdigest()[:12]


def units(jobs: Sequence[Job]) -> int:
    """The number of progress units of the jobs: pictures plus the declared frames of videos."""
    total = 0
    for job in jobs:
        frames = 0
        if job.is_video and not job.problem and exists(job.source):
            from nitido.batch.videos import count_frames  # only loaded for videos

            frames = count_frames(job.source)
        total += frames or 1
    return total
