"""Finding picture and video files under folders."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from nitido.errors import SourceUnavailable

# Suffixes of pictures and videos that people have. What else a folder may hold, such as texts beside scans, is not
# mentioned.
_SUFFIXES = """
.gif .heic .heif .hif .avif .jxl .jp2 .j2k .j2c .jpf .jpx .jxr .jfif .jpe .apng .mng .dib .tga .pcx .djvu
.ppm .pgm .pbm .pnm .pam .exr .hdr .psd .psb .xcf .kra
.raw .cr2 .cr3 .crw .nef .nrw .arw .srf .sr2 .dng .orf .rw2 .raf .pef .srw .x3f .3fr .erf .kdc .dcr .mos .mrw .iiq
.mpe .m1v .m2v .rm .rmvb .divx .qt .y4m
"""
_MEDIA = frozenset(_SUFFIXES.split())


@dataclass(frozen=True)
class Filter:
    """Which files of a folder are taken.

    include, exclude: shell patterns, compared with the name and with the path below the folder that was given; ``*``
    goes across folders. No ``include``: all.
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()

    def takes(self, path: Path) -> bool:
        """Whether a path, relative to the given folder, is taken."""

        def fits(patterns: Sequence[str]) -> bool:
            return any(fnmatch(path.name, p) or fnmatch(path.as_posix(), p) for p in patterns)

        return (not self.include or fits(self.include)) and not fits(self.exclude)


EVERYTHING = Filter()


def files_below(
    folder: Path, suffixes: Set[str], chosen: Filter = EVERYTHING, outside: Path | None = None
) -> Iterator[Path]:
    """Files under a folder whose suffix, in lower case, is one of ``suffixes``; as relative paths, in order.

    Hidden files and folders are passed over, and so is the folder ``outside``, such as that of the results.
    """
    kept_out = outside.resolve() if outside else None
    for place, folders, names in os.walk(folder):
        here = Path(place)
        folders[:] = sorted(f for f in folders if not f.startswith(".") and (here / f).resolve() != kept_out)
        for name in sorted(names):
            if name.startswith(".") or Path(name).suffix.lower() not in suffixes or not (here / name).is_file():
                continue
            path = (here / name).relative_to(folder)
            if chosen.takes(path):
                yield path


def require_files(
    folder: Path, suffixes: Set[str], chosen: Filter = EVERYTHING, outside: Path | None = None
) -> list[Path]:
    """As :func:`files_below`. Raises ``SourceUnavailable`` when there are none, naming what was left out."""
    found = list(files_below(folder, suffixes, chosen, outside))
    if not found:
        which = " that --include and --exclude leave" if chosen.include or chosen.exclude else ""
        others = left_out([folder], suffixes, chosen, outside)
        told = f"; {left_out_line(others)}" if others else ""
        raise SourceUnavailable(f"no pictures or videos in {folder}{which}{told}")
    return found


def find_files(inputs: Sequence[Path], suffixes: Set[str], chosen: Filter = EVERYTHING) -> list[Path]:
    """The files that inputs are or hold, each once, folders in order. An input that is no folder stays as it is, even
    when it does not exist. Raises ``SourceUnavailable`` for a folder without any."""
    found: dict[Path, Path] = {}
    for given in inputs:
        below = [given / path for path in require_files(given, suffixes, chosen)] if given.is_dir() else [given]
        for path in below:
            found.setdefault(path.resolve(), path)
    return list(found.values())


def left_out(
    inputs: Sequence[Path], suffixes: Set[str], chosen: Filter = EVERYTHING, outside: Path | None = None
) -> Counter[str]:
    """Counts, by suffix, the files of the folders among ``inputs`` that are pictures or videos of other kinds.

    What ``chosen`` excludes is not counted, nor are files that are neither, such as texts.
    """
    others = _MEDIA - suffixes
    found: dict[Path, str] = {}  # once, also when one of the folders is inside another
    for given in inputs:
        if given.is_dir():
            paths = files_below(given, others, chosen, outside)
            found |= {(given / path).resolve(): path.suffix.lower() for path in paths}
    return Counter(found.values())


def left_out_line(suffixes: Mapping[str, int]) -> str:
    """What :func:`left_out` has found, for people, most frequent first."""
    counts = ", ".join(f"{count} {suffix}" for suffix, count in sorted(suffixes.items(), key=lambda e: (-e[1], e[0])))
    return f"left out, not pictures or videos that this version reads: {counts}"
