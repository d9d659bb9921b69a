"""Which files a batch reads and where each result goes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path

from nitido.errors import SinkUnavailable, SourceUnavailable
from nitido.images import io as pictures
from nitido.video import io as video

_KNOWN = pictures.SUFFIXES | video.SUFFIXES
# Other pictures and videos that people have. What else a folder may hold, such as texts beside scans, is not mentioned.
_ENDINGS = """
.gif .heic .heif .hif .avif .jxl .jp2 .j2k .j2c .jpf .jpx .jxr .jfif .jpe .apng .mng .dib .tga .pcx .djvu
.ppm .pgm .pbm .pnm .pam .exr .hdr .psd .psb .xcf .kra
.raw .cr2 .cr3 .crw .nef .nrw .arw .srf .sr2 .dng .orf .rw2 .raf .pef .srw .x3f .3fr .erf .kdc .dcr .mos .mrw .iiq
.wmv .flv .f4v .mpg .mpeg .mpe .m1v .m2v .ts .mts .m2ts .vob .3gp .3g2 .ogv .asf .rm .rmvb .divx .mxf .qt .dv .y4m
"""
_OTHERS = frozenset(_ENDINGS.split()) - _KNOWN


class PlanMismatch(SinkUnavailable):
    """Inputs and output that do not fit together, whatever the files hold."""


@dataclass(frozen=True)
class Job:
    """One file to read and where its result goes. ``problem``: why that cannot be, known before it is tried."""

    source: Path
    target: Path
    problem: str = ""

    @property
    def is_video(self) -> bool:
        return self.source.suffix.lower() in video.SUFFIXES


@dataclass(frozen=True)
class Choice:
    """Which files of a folder are taken, and in which format their results are written.

    include, exclude: shell patterns, compared with the name and with the path below the folder that was given; ``*``
    goes across folders. No ``include``: all. kind: a format of ``pictures.SUFFIX_OF``; ``None``: as the source.
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    kind: str | None = None

    def takes(self, path: Path) -> bool:
        """Whether a path, relative to the given folder, is taken."""

        def fits(patterns: Sequence[str]) -> bool:
            return any(fnmatch(path.name, p) or fnmatch(path.as_posix(), p) for p in patterns)

        return (not self.include or fits(self.include)) and not fits(self.exclude)

    def named(self, target: Path) -> Path:
        """The target with the suffix of the asked format; a suffix that already says so stays (``.jpeg``). Videos keep
        theirs, but one that is read and not written (``.webm``) becomes ``.mp4``."""
        suffix = target.suffix.lower()
        if suffix in video.SUFFIXES - video.WRITTEN:
            return target.with_suffix(".mp4")
        if self.kind is None or suffix in video.SUFFIXES or pictures.FORMAT_OF.get(suffix) == self.kind:
            return target
        return target.with_suffix(pictures.SUFFIX_OF[self.kind])


def is_file_name(output: Path) -> bool:
    """Whether an output is the name of one picture or video, not of a folder."""
    return output.suffix.lower() in _KNOWN and not output.is_dir()


def plan_jobs(inputs: Sequence[Path], output: Path, choice: Choice = Choice()) -> list[Job]:
    """Which file goes where. Folders are searched recursively, hidden files and folders aside, and keep their relative
    paths below ``output``, which is a folder unless it has the suffix of a picture or video and there is one input.

    A missing input stays in the plan, to be reported with the others; so does one whose target another input has
    taken, with the ``problem`` told. Raises ``SourceUnavailable`` for a folder without pictures, ``PlanMismatch`` for
    several inputs into one file or a result over its own source.
    """
    into_file = is_file_name(output)
    if into_file and (len(inputs) > 1 or inputs[0].is_dir()):
        raise PlanMismatch(f"expected a folder for several inputs, found the file name {output}")
    if output.suffix and not into_file and not output.is_dir() and len(inputs) == 1 and not inputs[0].is_dir():
        raise PlanMismatch(
            f"{output} is neither a folder nor the name of a file that can be written; expected one of "
            f"{' '.join(sorted(_KNOWN))}, or create the folder first"
        )
    if into_file and choice.kind and choice.named(output) != output:
        raise PlanMismatch(f"{output} does not name a {choice.kind} file; change the name or leave out --format")
    jobs: list[Job] = []
    for given in inputs:
        if given.is_dir():
            if given.resolve() == output.resolve():
                raise PlanMismatch(f"{output} is the folder that is read; choose another -o")
            below = [p for p in _files_below(given, output, _KNOWN) if choice.takes(p)]
            if not below:
                chosen = " that --include and --exclude leave" if choice.include or choice.exclude else ""
                others = left_out([given], output, choice)
                told = f"; {left_out_line(others)}" if others else ""
                raise SourceUnavailable(f"no pictures or videos in {given}{chosen}{told}")
            jobs += [Job(given / path, choice.named(output / path)) for path in below]
        else:
            jobs.append(Job(given, output if into_file else choice.named(output / given.name)))
    for job in jobs:
        if job.source.resolve() == job.target.resolve():
            raise PlanMismatch(f"{job.target} would replace its own source; choose another -o")
    return list(_without_clashes(jobs))


def left_out(inputs: Sequence[Path], output: Path, choice: Choice = Choice()) -> Counter[str]:
    """How many files of the folders among ``inputs`` are pictures or videos of kinds that are not taken, by the ending
    of their names. What ``choice`` excludes is not among them, nor are files that are neither, such as texts."""
    found: dict[Path, str] = {}  # once, also when one of the folders is inside another
    for given in inputs:
        if given.is_dir():
            paths = (p for p in _files_below(given, output, _OTHERS) if choice.takes(p))
            found |= {(given / path).resolve(): path.suffix.lower() for path in paths}
    return Counter(found.values())


def left_out_line(endings: Mapping[str, int]) -> str:
    """What :func:`left_out` has found, for people, most frequent first."""
    counts = ", ".join(f"{count} {ending}" for ending, count in sorted(endings.items(), key=lambda e: (-e[1], e[0])))
    return f"left out, not pictures or videos that this version reads: {counts}"


def _files_below(folder: Path, output: Path, endings: Set[str]) -> Iterator[Path]:
    """Files with such names below a folder, as relative paths in order; not hidden ones, nor those of the output inside
    it."""
    results = output.resolve()
    for place, folders, names in os.walk(folder):
        here = Path(place)
        folders[:] = sorted(f for f in folders if not f.startswith(".") and (here / f).resolve() != results)
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in endings and (here / name).is_file():
                yield (here / name).relative_to(folder)


def _without_clashes(jobs: Sequence[Job]) -> Iterator[Job]:
    """The jobs, each file once, with those told that would take a target which an earlier one has."""
    taken: dict[str, Job] = {}
    told: set[Path] = set()
    for job in jobs:
        first = taken.setdefault(os.path.normcase(job.target.absolute()), job)
        if first is job:
            yield job
            continue
        source = job.source.resolve()
        if source != first.source.resolve() and source not in told:
            told.add(source)
            problem = f"{job.target} is where the result of {first.source} goes; rename one or use another -o"
            yield replace(job, problem=problem)
