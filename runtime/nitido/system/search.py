"""Finds picture and video files in folders."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from nitido.errors import SourceUnavailable
from nitido.system.files import is_folder

# Suffixes of pictures and videos that are reported when they are left out. Other files, such as texts next to scans,
# are not mentioned.
_SUFFIXES = """
.gif .heic .heif .hif .heics .heifs .avif .avifs .avci .jxl .jp2 .jpg2 .j2k .j2c .jpc .jpf .jpx .jph .jxr .wdp .hdp
.jfif .jpe .mpo .jps .apng .mng .dib .tga .pcx .djvu .ppm .pgm .pbm .pnm .pam .pfm .exr .hdr .psd .psb .xcf .kra
.qoi .dds .dpx .cin .sgi .rgb .ras .bpg .flif .fits .ico .icns .cur .xbm .xpm .wbmp
.raw .cr2 .cr3 .crw .nef .nrw .arw .srf .sr2 .dng .orf .rw2 .raf .pef .srw .x3f .3fr .erf .kdc .dcr .mos .mrw .iiq
.rm .rmvb .divx .qt .nut .obu .avc .swf .wtv .dvr-ms .amv .mlv .braw .r3d
"""
_MEDIA = frozenset(_SUFFIXES.split())
# Packages, by suffixes that are left out without them.
_PACKAGES = {".heic": "pillow-heif", ".heif": "pillow-heif", ".hif": "pillow-heif", ".jxl": "pillow-jxl-plugin"}
_NAMED = 5  # linked folders that are named; the others are counted


@dataclass(frozen=True)
class Filter:
    """Selects files of a folder.

    include, exclude: shell patterns, compared with the name and with the path below the given folder; ``*`` also
    matches ``/``. No ``include``: all.
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()

    def takes(self, path: Path) -> bool:
        """Whether a path, relative to the given folder, is taken."""
        return (not self.include or _fits(path, self.include)) and not self.excludes(path)

    def excludes(self, path: Path) -> bool:
        """Whether a path, relative to the given folder, is excluded."""
        return _fits(path, self.exclude)


def _fits(path: Path, patterns: Sequence[str]) -> bool:
    return any(fnmatch(path.name, p) or fnmatch(path.as_posix(), p) for p in patterns)


EVERYTHING = Filter()


@dataclass(frozen=True)
class Entry:
    """A file below a folder, or a folder there that cannot be searched.

    path: relative to the given folder. problem: why it cannot be read; empty for a readable file.
    """

    path: Path
    problem: str = ""


def entries_below(
    folder: Path, suffixes: Set[str], chosen: Filter = EVERYTHING, outside: Path | None = None
) -> Iterator[Entry]:
    """Files under a folder whose suffix, in lower case, is one of ``suffixes``, in order; also those that cannot be
    read, such as links to nothing, and folders that cannot be searched.

    Hidden files and folders are skipped, and so is the folder ``outside``, such as that of the results. Links to files
    are followed; links to folders are not, see :func:`linked_folders`.
    """
    unsearched: list[OSError] = []
    for place, _, names in _walk(folder, outside, unsearched.append):
        for name in sorted(names):
            if name.startswith(".") or Path(name).suffix.lower() not in suffixes:
                continue
            path = (place / name).relative_to(folder)
            if chosen.takes(path) and (problem := problem_of(place / name)) is not None:
                yield Entry(path, problem)
    for error in unsearched:
        path = Path(error.filename or folder).relative_to(folder)
        if not chosen.excludes(path):
            yield Entry(path, f"this folder cannot be searched: {error.strerror or error}")


def files_below(
    folder: Path, suffixes: Set[str], chosen: Filter = EVERYTHING, outside: Path | None = None
) -> Iterator[Path]:
    """The paths of :func:`entries_below`; opening an unreadable one raises an error with the reason."""
    return (entry.path for entry in entries_below(folder, suffixes, chosen, outside))


def _walk(
    folder: Path, outside: Path | None, onerror: Callable[[OSError], object]
) -> Iterator[tuple[Path, Sequence[str], Sequence[str]]]:
    """Folders that are searched, with the names of the folders and of the other things in them."""
    kept_out = outside.resolve() if outside else None
    for place, folders, names in os.walk(folder, onerror=onerror):
        here = Path(place)
        folders[:] = sorted(f for f in folders if not f.startswith(".") and (here / f).resolve() != kept_out)
        yield here, folders, names


def problem_of(path: Path) -> str | None:
    """Why a file cannot be read, as far as this is visible without opening it; ``None`` if the file does not exist."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return f"a link to {path.readlink()}, which is not there" if path.is_symlink() else None
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return "" if stat.S_ISREG(mode) else "not a file but a pipe, socket or device"


def linked_folders(inputs: Sequence[Path], chosen: Filter = EVERYTHING, outside: Path | None = None) -> list[Path]:
    """The folders below ``inputs`` that are links and are therefore not searched."""
    found: dict[Path, None] = {}
    for given in inputs:
        for place, folders, _ in _walk(given, outside, lambda _: None):
            links = [place / f for f in folders if (place / f).is_symlink()]
            found |= {path: None for path in links if not chosen.excludes(path.relative_to(given))}
    return list(found)


def require_files(
    folder: Path, suffixes: Set[str], chosen: Filter = EVERYTHING, outside: Path | None = None
) -> list[Path]:
    """As :func:`files_below`. Raises ``SourceUnavailable`` when there are none, naming what was left out."""
    return [entry.path for entry in require_entries(folder, suffixes, chosen, outside)]


def require_entries(
    folder: Path, suffixes: Set[str], chosen: Filter = EVERYTHING, outside: Path | None = None
) -> list[Entry]:
    """As :func:`entries_below`. Raises ``SourceUnavailable`` when there are none, naming what was left out."""
    found = list(entries_below(folder, suffixes, chosen, outside))
    if not found:
        which = " that --include and --exclude leave" if chosen.include or chosen.exclude else ""
        others = left_out([folder], suffixes, chosen, outside)
        links = linked_folders([folder], chosen, outside)
        more = "".join(f"; {line}" for line in (left_out_line(others), links_line(links)) if line)
        raise SourceUnavailable(f"no pictures or videos in {folder}{which}{more}")
    return found


def find_files(inputs: Sequence[Path], suffixes: Set[str], chosen: Filter = EVERYTHING) -> list[Path]:
    """The files in the inputs, each once, folders in order. An input that is not a folder is returned unchanged, even
    if it does not exist. Raises ``SourceUnavailable`` for a folder without such files."""
    found: dict[str, Path] = {}
    for given in inputs:
        below = [given / path for path in require_files(given, suffixes, chosen)] if is_folder(given) else [given]
        for path in below:
            found.setdefault(os.path.realpath(path), path)
    return list(found.values())


def left_out(
    inputs: Sequence[Path], suffixes: Set[str], chosen: Filter = EVERYTHING, outside: Path | None = None
) -> Counter[str]:
    """Counts, by suffix, the files of the folders among ``inputs`` that are pictures or videos of other kinds.

    What ``chosen`` excludes is not counted, nor are files that are neither, such as texts.
    """
    others = _MEDIA - suffixes
    found: dict[str, str] = {}  # once, even if one folder is inside another
    for given in inputs:
        if is_folder(given):
            entries = entries_below(given, others, chosen, outside)
            found |= {os.path.realpath(given / e.path): e.path.suffix.lower() for e in entries if not e.problem}
    return Counter(found.values())


def left_out_line(suffixes: Mapping[str, int]) -> str:
    """The result of :func:`left_out` in words, most frequent first; empty for nothing."""
    if not suffixes:
        return ""
    counts = ", ".join(f"{count} {suffix}" for suffix, count in sorted(suffixes.items(), key=lambda e: (-e[1], e[0])))
    packages = dict.fromkeys(_PACKAGES[suffix] for suffix in sorted(suffixes) if suffix in _PACKAGES)
    advice = "".join(f"; for {', '.join(_read_by(package))} run: pip install {package}" for package in packages)
    return f"left out, not pictures or videos that this version reads: {counts}{advice}"


def _read_by(package: str) -> list[str]:
    return [suffix for suffix, needed in _PACKAGES.items() if needed == package]


def links_line(links: Sequence[Path]) -> str:
    """The result of :func:`linked_folders` in words; empty for nothing."""
    if not links:
        return ""
    more = f" and {len(links) - _NAMED} more" if len(links) > _NAMED else ""
    return f"folders that are links are not searched, name them as inputs: {', '.join(map(str, links[:_NAMED]))}{more}"
