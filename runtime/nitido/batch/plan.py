"""Plans a batch: which files it reads, and the path of each result."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nitido.errors import SinkUnavailable
from nitido.images import io as pictures
from nitido.system.files import is_folder
from nitido.system.search import EVERYTHING, Filter, require_entries
from nitido.video import formats as video

SUFFIXES = pictures.SUFFIXES | video.SUFFIXES
"""Suffixes of the pictures and videos that a batch takes."""
WRITTEN = pictures.WRITTEN | video.WRITTEN
"""Suffixes of those that it writes."""


class PlanMismatch(SinkUnavailable):
    """Inputs and output do not fit together, independently of the contents of the files."""


@dataclass(frozen=True)
class Job:
    """One file to read and the path of its result. ``problem``: why it cannot be processed, if that is known in
    advance."""

    source: Path
    target: Path
    problem: str = ""

    @property
    def is_video(self) -> bool:
        return self.source.suffix.lower() in video.SUFFIXES


def named(target: Path, kind: str | None) -> Path:
    """The target with the suffix of a format of ``SUFFIX_OF``; ``None``: unchanged.

    Other suffixes of the same format stay (``.jpeg``). A suffix that can be read but not written becomes that of the
    closest format: ``.mpo`` becomes ``.jpg``. Videos keep their suffixes.
    """
    suffix = target.suffix.lower()
    if suffix in video.SUFFIXES - video.WRITTEN:
        return target.with_suffix(".mp4")
    kind = kind or pictures.READ_AS.get(suffix)
    if kind is None or suffix in video.SUFFIXES or pictures.FORMAT_OF.get(suffix) == kind:
        return target
    return target.with_suffix(pictures.SUFFIX_OF[kind])


def is_file_name(output: Path) -> bool:
    """Whether an output is the name of one picture or video, not of a folder."""
    return output.suffix.lower() in WRITTEN and not is_folder(output)


def plan_jobs(inputs: Sequence[Path], output: Path, chosen: Filter = EVERYTHING, kind: str | None = None) -> list[Job]:
    """Decides which files are processed and where their results go.

    Folders are searched recursively, and their files keep their relative paths below ``output``. A missing input stays
    in the plan and is reported with the others. The same holds for an input whose target belongs to another input, and
    for files that cannot be read; ``problem`` says why.

    Args:
        inputs: files and folders.
        output: a folder, or a file if there is one input and ``output`` has the suffix of a picture or video.
        chosen: which files of folders are taken.
        kind: format of the pictures that are written, see :func:`named`.

    Raises:
        SourceUnavailable: a folder without pictures.
        PlanMismatch: several inputs into one file, or a result over its own source.
    """
    into_file = is_file_name(output)
    if into_file and (len(inputs) > 1 or is_folder(inputs[0])):
        raise PlanMismatch(f"expected a folder for several inputs, found the file name {output}")
    if output.suffix and not into_file and not is_folder(output) and len(inputs) == 1 and not is_folder(inputs[0]):
        raise PlanMismatch(
            f"{output} is neither a folder nor the name of a file that can be written; expected one of "
            f"{' '.join(sorted(WRITTEN))}, or create the folder first"
        )
    if into_file and kind and named(output, kind) != output:
        raise PlanMismatch(f"{output} does not name a {kind} file; change the name or leave out --format")
    jobs: list[Job] = []
    for given in inputs:
        if is_folder(given):
            if _place(given) == _place(output):
                raise PlanMismatch(f"{output} is the folder that is read; choose another -o")
            for entry in require_entries(given, SUFFIXES, chosen, outside=output):
                target = output / entry.path
                jobs.append(Job(given / entry.path, target if entry.problem else named(target, kind), entry.problem))
        else:
            target = output if into_file else named(output / given.name, kind)
            jobs.append(Job(given, target, _unnamed(given, target)))
    for job in jobs:
        if not job.problem and _place(job.source) == _place(job.target):
            raise PlanMismatch(f"{job.target} would replace its own source; choose another -o")
    return list(_without_clashes(jobs))


def _unnamed(source: Path, target: Path) -> str:
    """Why a file that was named cannot get a result: its name does not show the format of the result."""
    if target.suffix.lower() in WRITTEN or not source.exists():
        return ""
    kind = f"with the suffix {target.suffix}" if target.suffix else "without a suffix"
    return f"files {kind} are not taken for pictures or videos; convert it first, or name its result: -o RESULT.png"


def _without_clashes(jobs: Sequence[Job]) -> Iterator[Job]:
    """The jobs, each file once. Jobs with the target of an earlier one get a ``problem``."""
    taken: dict[str, Job] = {}
    told: set[str] = set()
    for job in jobs:
        if job.problem:
            yield job
            continue
        first = taken.setdefault(os.path.normcase(job.target.absolute()), job)
        if first is job:
            yield job
            continue
        source = _place(job.source)
        if source != _place(first.source) and source not in told:
            told.add(source)
            problem = f"{job.target} is where the result of {first.source} goes; rename one or use another -o"
            yield replace(job, problem=problem)


def _place(path: Path) -> str:
    """The resolved path; ``Path.resolve`` raises for a link to itself."""
    return os.path.realpath(path)
