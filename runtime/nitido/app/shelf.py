"""The pictures of a visit: facts about them, and their files in a temporary folder, under generated names."""

from __future__ import annotations

import secrets
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from nitido.batch.plan import named
from nitido.errors import SinkUnavailable, SourceUnavailable
from nitido.images.io import FORMAT_OF, SUFFIXES, WRITTEN

MOST_PICTURES = 10_000
MOST_BYTES = 512 << 20
"""Of one upload."""
MOST_BYTES_TOGETHER = 16 << 30
"""Largest total size of all uploads, in bytes."""
_FORBIDDEN = frozenset('<>:"|?*')


@dataclass
class Item:
    """A picture.

    name: for people and for the names of results, with ``/`` between its parts. Never a path of this machine.
    source: its file. result: the file of its result, if it exists.
    state: ``waiting`` for a choice, ``queued``, ``working``, ``done`` or ``failed``.
    reason: why it failed. notes: what the result lacks of the source, a line each.
    noise: the noise level that was removed, in 8-bit levels; ``None`` if not known.
    version: increases with each result.
    """

    id: str
    name: str
    source: Path
    bytes: int = 0
    state: str = "waiting"
    reason: str = ""
    notes: list[str] = field(default_factory=list)
    noise: float | None = None
    result: Path | None = None
    version: int = 0

    @property
    def result_name(self) -> str:
        """The name of the result, with its suffix."""
        suffix = self.result.suffix if self.result else PurePosixPath(self.name).suffix
        return str(PurePosixPath(self.name).with_suffix(suffix))

    def facts(self) -> dict[str, object]:
        """Facts for the page."""
        shown = ("id", "name", "bytes", "state", "reason", "notes", "noise", "version")
        return {**{key: getattr(self, key) for key in shown}, "result": self.result_name if self.result else None}


class Shelf:
    """Keeps items until they are removed. Safe to use from several threads.

    folder: for this shelf only; the caller removes it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, threading.Lock()
        self._items, self._drafts = dict[str, Item](), dict[str, Item]()

    def items(self) -> list[Item]:
        """The items in the order of their arrival."""
        with self._lock:
            return list(self._items.values())

    def find(self, id_: str) -> Item | None:
        """The item; ``None`` if it was removed."""
        with self._lock:
            return self._items.get(id_)

    def draft(self, name: str) -> Item:
        """A new item. The caller writes its ``source`` and then calls :meth:`add`. Raises ``SourceUnavailable`` for a
        name without the suffix of a picture, or when the shelf is full."""
        if len(self.items()) >= MOST_PICTURES:
            raise SourceUnavailable(f"there are {MOST_PICTURES} pictures already; remove some first")
        name = safe_name(name)
        suffix = PurePosixPath(name).suffix.lower()
        if suffix not in SUFFIXES:
            raise SourceUnavailable(f"expected a picture ({' '.join(sorted(SUFFIXES))}), found '{suffix or name}'")
        place = self._folder / secrets.token_hex(8)
        place.mkdir()
        item = Item(place.name, name, place / f"source{suffix}")
        with self._lock:
            self._drafts[item.id] = item
        return item

    def add(self, item: Item) -> None:
        """Adds an item whose file is complete."""
        with self._lock:
            self._drafts.pop(item.id, None)
            self._items[item.id] = item

    def room(self) -> int:
        """Largest size of one more upload, in bytes."""
        with self._lock:
            taken = sum(item.bytes for item in (*self._items.values(), *self._drafts.values()))
        return max(0, min(MOST_BYTES, MOST_BYTES_TOGETHER - taken))

    def drop(self, item: Item) -> None:
        """Removes an item and its files."""
        with self._lock:
            self._items.pop(item.id, None)
            self._drafts.pop(item.id, None)
        shutil.rmtree(item.source.parent, ignore_errors=True)


def target_of(item: Item, kind: str | None) -> Path:
    """The path for the next result of an item. kind: its format; ``None``: that of the source. Raises
    ``SinkUnavailable`` for a source whose format cannot be written."""
    target = named(item.source.with_name(f"result-{item.version + 1}{item.source.suffix}"), kind)
    if target.suffix not in WRITTEN or target.suffix not in FORMAT_OF:
        raise SinkUnavailable(f"{target.suffix} cannot be written here; choose another format")
    return target


def safe_name(given: str) -> str:
    """A client's name made safe for an archive: relative, without ``..``, control characters and characters that some
    systems forbid, with at most four folders and 120 characters per part."""
    text = "".join("_" if c in _FORBIDDEN or not c.isprintable() else c for c in given.replace("\\", "/"))
    parts = [part.strip(" .") if set(part) <= {".", " "} else part.strip() for part in text.split("/")]
    kept = [_shortened(part) for part in parts if part][-5:]
    return "/".join(kept) or "picture"


def _shortened(part: str) -> str:
    stem, dot, suffix = part.rpartition(".")
    return part if len(part) <= 120 else f"{stem[:100]}{dot}{suffix[:19]}"
