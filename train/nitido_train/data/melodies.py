"""Collections of tunes as rows of note codes: music21's corpora and folders of ABC, MusicXML and MIDI files."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nitido.errors import SinkUnavailable, SourceUnavailable
from nitido.system.files import cache_folder, replacing
from nitido_train.data.scores import BAR, Grid, TuneLeftOut, phrases, transposed

log = logging.getLogger(__name__)

CORPUS = "music21:"
SUFFIXES = frozenset({".abc", ".mid", ".midi", ".musicxml", ".mxl", ".xml", ".krn"})
_READER = 1  # to be increased when the same files would give different rows


@dataclass(frozen=True)
class Melodies:
    """Phrases of tunes.

    notes: uint8 N×T, see :class:`nitido_train.data.scores.Grid`.
    tunes: int64 N, ascending, the tune of each row.
    used: number of tunes with at least one row.
    left_out: number of tunes without a row, by reason.
    """

    notes: NDArray[np.uint8]
    tunes: NDArray[np.int64]
    used: int
    left_out: dict[str, int]

    def __len__(self) -> int:
        return len(self.notes)

    def where(self, chosen: NDArray[np.bool_]) -> Melodies:
        """The rows for which ``chosen`` is true."""
        return Melodies(self.notes[chosen], self.tunes[chosen], len(np.unique(self.tunes[chosen])), self.left_out)


def read_melodies(sources: Sequence[Path], grid: Grid) -> Melodies:
    """The phrases of all tunes in duple time, in a fixed order. A phrase that occurs twice is returned once.

    sources: folders, files, or corpora that come with music21, such as ``music21:ryansMammoth``.

    Reading takes about a fifth of a second per tune, so the result is kept in the user's cache folder. The next time it
    is read from there, unless a file has changed. Raises ``SourceUnavailable``.
    """
    files = [path for source in sources for path in _files(source)]
    kept = cache_folder() / f"melodies-{_digest(files, grid)}.npz"
    found = _from_cache(kept)
    if found is None:
        found = _read(files, grid)
        _to_cache(kept, found)
    if not len(found):
        reasons = ", ".join(f"{count} {reason}" for reason, count in found.left_out.items()) or "no tune in it"
        raise SourceUnavailable(
            f"no phrase of {grid.steps // BAR} bars in {', '.join(map(str, sources))}: {reasons}; expected tunes in "
            "4/4, 2/2 or 2/4"
        )
    return found


def hold_out(melodies: Melodies) -> tuple[Melodies, Melodies]:
    """(for training, for validation). Every tenth tune is for validation, with all its phrases."""
    apart = melodies.tunes % 10 == 9
    if not apart.any() or apart.all():
        apart = melodies.tunes == melodies.tunes[-1]
    return melodies.where(~apart), melodies.where(apart)


def _files(source: Path) -> list[Path]:
    name = str(source)
    if not name.startswith(CORPUS):
        found = sorted(p for p in source.rglob("*") if p.is_file()) if source.is_dir() else [source]
        files = [p for p in found if p.suffix.lower() in SUFFIXES and p.is_file()]
        if not files:
            raise SourceUnavailable(
                f"no tunes in {source}: expected files {' '.join(sorted(SUFFIXES))}, or a corpus such as "
                f"{CORPUS}ryansMammoth"
            )
        return files
    corpus = _music21().corpus
    files = [Path(p) for p in corpus.getComposer(name.removeprefix(CORPUS))]
    if not files:
        known = sorted(p.name for p in Path(corpus.__file__).parent.iterdir() if p.is_dir() and p.name[0] != "_")
        raise SourceUnavailable(f"music21 has no corpus '{name.removeprefix(CORPUS)}'; it has {', '.join(known)}")
    return sorted(files)


def _music21() -> Any:
    try:
        import music21
    except ImportError as error:
        raise SourceUnavailable("music21 is not installed; run: pip install 'nitido[melodies]'") from error
    return music21


def _read(files: Sequence[Path], grid: Grid) -> Melodies:
    rows: list[NDArray[np.uint8]] = []
    tunes: list[int] = []
    known: set[bytes] = set()
    left_out: Counter[str] = Counter()
    used = 0
    for path in files:
        for score in _scores(path):
            try:
                found = phrases(transposed(_melody(score)), grid) if score is not None else None
            except TuneLeftOut as reason:
                left_out[str(reason)] += 1
                continue
            if found is None:
                left_out["unreadable"] += 1
                continue
            new = {row.tobytes(): row for row in found if row.tobytes() not in known}
            if not new:
                left_out["known already"] += 1
                continue
            rows += new.values()
            tunes += [used] * len(new)
            known |= new.keys()
            used += 1
            if used % 100 == 0:
                log.info("read %d tunes so far, up to %s", used, path.name)
    notes = np.stack(rows) if rows else np.empty((0, grid.steps), np.uint8)
    return Melodies(notes, np.array(tunes, np.int64), used, dict(left_out.most_common()))


def _scores(path: Path) -> Iterator[Any]:
    """The tunes of a file as music21 scores, ``None`` for each that music21 cannot read."""
    parse = _music21().converter.parse
    suffix = path.suffix.lower()
    sources: list[tuple[Any, dict[str, Any]]] = [(path, {"forceSource": True, "storePickle": False})]
    if suffix == ".abc":
        head, *bodies = re.split(r"(?m)^(?=X:)", path.read_text(encoding="utf-8", errors="replace"))
        sources = [(body, {"format": "abc"}) for body in (bodies or [f"X:1\n{head}"])]
    elif suffix in (".mid", ".midi"):
        sources = [(path.read_bytes(), {"format": "midi"})]  # if it got a path, music21 would leave a broken file open
    for source, how in sources:
        try:
            score = parse(source, **how)
        except Exception:  # music21's parsers raise all kinds of exceptions on broken input
            log.debug("left out a tune of %s", path, exc_info=True)
            yield None
            continue
        yield from getattr(score, "scores", [score])  # a file may be an Opus of several


def _melody(score: Any) -> Any:
    parts = list(getattr(score, "parts", []))
    return parts[0] if parts else score


def _digest(files: Sequence[Path], grid: Grid) -> str:
    stamp = [[str(p), p.stat().st_size, p.stat().st_mtime_ns] for p in files]
    text = json.dumps([_READER, asdict(grid), stamp])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _from_cache(path: Path) -> Melodies | None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            left_out = json.loads(str(kept["left_out"]))
            return Melodies(kept["notes"], kept["tunes"], int(kept["used"]), left_out)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _to_cache(path: Path, melodies: Melodies) -> None:
    try:
        with replacing(path) as partial, partial.open("wb") as file:
            np.savez_compressed(
                file,
                notes=melodies.notes,
                tunes=melodies.tunes,
                used=melodies.used,
                left_out=json.dumps(melodies.left_out),
            )
    except SinkUnavailable as error:
        log.warning("the tunes will be read again the next time: %s", error)
