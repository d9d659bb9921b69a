"""Many files through one model: a file that fails is reported and the rest go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from nitido import pictures, video
from nitido.errors import NitidoError, SinkUnavailable, SourceUnavailable
from nitido.model import Model
from nitido.pictures import read_picture, write_picture
from nitido.video import VideoSink, VideoSource


@dataclass(frozen=True)
class Job:
    """One file to read and where its result goes."""

    source: Path
    target: Path


@dataclass
class Report:
    """What became of a run: results written, files left alone because their result existed, (file, reason) pairs."""

    done: list[Path] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    failed: list[tuple[Path, str]] = field(default_factory=list)


def plan_jobs(inputs: Sequence[Path], output: Path) -> list[Job]:
    """Which file goes where. Folders are searched recursively and keep their relative paths below ``output``, which
    is a folder unless it has the suffix of a picture or video and there is just one input file.

    A missing input stays in the plan, to be reported with the others. Raises ``SourceUnavailable`` for a folder
    without pictures, ``SinkUnavailable`` for several inputs into one file or a result over its own source.
    """
    known = pictures.SUFFIXES | video.SUFFIXES
    into_file = output.suffix.lower() in known and not output.is_dir()
    if into_file and (len(inputs) > 1 or inputs[0].is_dir()):
        raise SinkUnavailable(f"expected a folder for several inputs, found the file name {output}")
    jobs: list[Job] = []
    for given in inputs:
        if given.is_dir():
            below = sorted(p for p in given.rglob("*") if p.suffix.lower() in known and p.is_file())
            below = [p for p in below if not p.resolve().is_relative_to(output.resolve())]
            if not below:
                raise SourceUnavailable(f"no pictures or videos in {given}")
            jobs += [Job(p, output / p.relative_to(given)) for p in below]
        else:
            jobs.append(Job(given, output if into_file else output / given.name))
    for job in jobs:
        if job.source.resolve() == job.target.resolve():
            raise SinkUnavailable(f"{job.target} would replace its own source; choose another -o")
    return jobs


def run_jobs(
    model: Model,
    jobs: Sequence[Job],
    *,
    strength: float = 1.0,
    overwrite: bool = False,
    progress: Callable[[int], None] = lambda _units: None,
) -> Report:
    """Runs all jobs and returns what became of them. ``progress`` is called with units done: one for a picture, one
    for every frame of a video."""
    report = Report()
    taken: set[Path] = set()
    for job in jobs:
        try:
            if job.target in taken:
                raise SinkUnavailable(f"{job.target} already holds the result of another input of the same name")
            if job.target.exists() and not overwrite:
                report.skipped.append(job.source)
                continue
            if job.source.suffix.lower() in video.SUFFIXES:
                _run_video(model, job, strength, progress)
            else:
                _run_picture(model, job, strength)
                progress(1)
            taken.add(job.target)
            report.done.append(job.target)
        except NitidoError as error:
            report.failed.append((job.source, str(error)))
    return report


def units(jobs: Sequence[Job]) -> int:
    """How many progress units the jobs will take: pictures plus the frames that videos promise."""
    total = 0
    for job in jobs:
        if job.source.suffix.lower() in video.SUFFIXES and job.source.is_file():
            try:
                with VideoSource(job.source) as source:
                    total += source.count
            except SourceUnavailable:
                total += 1
        else:
            total += 1
    return total


def _run_picture(model: Model, job: Job, strength: float) -> None:
    picture = read_picture(job.source)
    result = model(picture.pixels, strength=strength)
    alpha = picture.alpha
    if alpha is not None and model.card.scale != 1:
        height, width = result.shape[:2]
        alpha = np.asarray(cv2.resize(alpha, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    write_picture(job.target, replace(picture, pixels=result, alpha=alpha))


def _run_video(model: Model, job: Job, strength: float, progress: Callable[[int], None]) -> None:
    with VideoSource(job.source) as source, VideoSink(job.target, source.fps) as sink:
        for frame in source:
            sink.write(model(frame, strength=strength))
            progress(1)
        if sink.frames == 0:
            raise SourceUnavailable(f"{job.source} holds no decodable frame")
