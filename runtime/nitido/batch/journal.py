"""The journal of a batch: a line for each result, so that a killed run can continue where it stopped.

The journal is ``.nitido-journal.jsonl`` in the output folder. It has one JSON object per line and only grows. The line
of a result is on the disk before the result gets its name, and contains size and time of that file. A line counts only
as long as exactly this file is there. So after a kill between the two, no result is missed and none is taken for done
by mistake. An incomplete last line does not count.
"""

from __future__ import annotations

import json
import os
import threading
import uuid
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any

from nitido.errors import SinkUnavailable
from nitido.system.files import sync_to_disk
from nitido.system.locks import BINARY, lock_file

NAME = ".nitido-journal.jsonl"


class State(Enum):
    """What to do with a job: process it; keep the same result of an earlier run; keep a file that exists for another
    reason."""

    OPEN = "open"
    DONE = "done"
    KEPT = "kept"


@dataclass(frozen=True)
class FileVersion:
    """Identifies the content of a file without reading it: size in bytes and mtime_ns."""

    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Producer:
    """What a result depends on besides its source: the model's name and the SHA-256 of its file, and options by
    name."""

    model: str
    sha256: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Entry:
    source: str
    version: FileVersion
    result: FileVersion
    producer: Producer
    run: str


def version_of(path: Path) -> FileVersion | None:
    """The current version of a file; ``None`` if it does not exist."""
    try:
        found = path.stat()
    except OSError:
        return None
    return FileVersion(found.st_size, found.st_mtime_ns)


class Journal:
    """The journal of one output folder, for a ``with`` block. Several threads may add to it at the same time.

    Args:
        folder: the output folder.
        readonly: nothing is created or written.

    Raises:
        SinkUnavailable: the folder cannot be written, or another run is writing into it.
    """

    def __init__(self, folder: Path, *, readonly: bool = False) -> None:
        self.path = folder / NAME
        self._folder, self._readonly = folder.absolute(), readonly
        self._entries: dict[str, list[_Entry]] = {}
        self._unfinished: tuple[str, Producer] | None = None  # a run with overwrite that was not finished
        self._run = ""
        self._descriptor = -1
        self._writing, self._syncing = threading.Lock(), threading.Lock()
        self._written = self._synced = 0

    def __enter__(self) -> Journal:
        try:
            if not self._readonly:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | BINARY, 0o644)
                self._lock()
            self._read()
        except OSError as error:
            self.close()
            raise SinkUnavailable(f"cannot write {self.path}: {error.strerror or error}; choose another -o") from error
        except SinkUnavailable:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Releases the folder for other runs."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def begin(self, producer: Producer, *, overwrite: bool) -> None:
        """Call when a run begins. With ``overwrite``, a killed run is continued, and its results count as done."""
        if overwrite and self._unfinished and self._unfinished[1] == producer:
            self._run = self._unfinished[0]
            return
        self._run = uuid.uuid4().hex[:12]
        self._unfinished = (self._run, producer) if overwrite else None
        self._add({"status": "begin", "run": self._run, "overwrite": overwrite, **asdict(producer)})

    def end(self) -> None:
        """Call when the run has tried all its jobs."""
        self._unfinished = None
        self._add({"status": "end", "run": self._run})

    def state(self, source: Path, target: Path, producer: Producer, *, overwrite: bool) -> State:
        """What to do with a job.

        A job is done if its target is unchanged since an earlier run wrote it, with the same producer, from the same
        content of the source. A result of this source from another producer or an earlier content is open, so it is
        replaced. Any other file with the target's name is kept, unless ``overwrite`` is given; then only the results of
        a killed run with ``overwrite`` count as done.
        """
        there = version_of(target)
        if there is None:
            return State.OPEN
        mine = [entry for entry in self._entries.get(self._key(target), ()) if entry.result == there]
        if overwrite:
            resumed = self._unfinished[0] if self._unfinished and self._unfinished[1] == producer else None
            mine = [entry for entry in mine if entry.run == resumed]
        version, name = version_of(source), str(source.resolve())
        if any(entry.producer == producer and entry.version == version for entry in mine):
            return State.DONE
        if overwrite or any(entry.source == name for entry in mine):
            return State.OPEN
        return State.KEPT

    def done(self, source: Path, version: FileVersion, target: Path, result: Path, producer: Producer) -> None:
        """Call when ``result`` is complete and about to get the name of ``target``, or has it. Returns when the line is
        on the disk.

        version: of the source before it was read. Raises ``OSError`` if the line cannot be written; then the journal is
        unchanged."""
        made = version_of(result)
        if made is None:
            return
        key, name = self._key(target), str(source.resolve())
        line = {"source": name, **_flat(version), "target": key, "result": _flat(made), "run": self._run}
        self._add({"status": "done", **line, **asdict(producer)})
        self._entries.setdefault(key, []).append(_Entry(name, version, made, producer, self._run))

    def failed(self, source: Path, target: Path, reason: str) -> None:
        """Call when a job failed; the next run tries it again."""
        key = self._key(target)
        line = {"status": "failed", "source": str(source), "target": key, "reason": reason, "run": self._run}
        self._add(line, sync=False)  # nothing depends on it

    def _key(self, target: Path) -> str:
        path = target.absolute()
        return path.relative_to(self._folder).as_posix() if path.is_relative_to(self._folder) else path.as_posix()

    def _add(self, line: dict[str, Any], *, sync: bool = True) -> None:
        data = json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\n"
        with self._writing:
            end = os.fstat(self._descriptor).st_size
            if os.write(self._descriptor, data) < len(data):
                os.ftruncate(self._descriptor, end)
                raise OSError(28, "No space left on device")
            self._written += 1
            mine = self._written
        if not sync:
            return
        with self._syncing:
            if self._synced < mine:  # otherwise another thread has synced this line together with its own
                upto = self._written
                sync_to_disk(self._descriptor, self.path)
                self._synced = upto

    def _read(self) -> None:
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return
        for line in text.split(b"\n"):
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # cut off by a kill, or not from Nítido: ignored
        if text and not text.endswith(b"\n") and not self._readonly:
            os.write(self._descriptor, b"\n")

    def _take(self, line: dict[str, Any]) -> None:
        if line["status"] == "end":
            self._unfinished = None
        if line["status"] not in ("begin", "done"):
            return
        producer = Producer(line["model"], line["sha256"], line["options"])
        if line["status"] == "begin":
            self._unfinished = (line["run"], producer) if line["overwrite"] else None
            return
        result = FileVersion(**line["result"])
        entry = _Entry(line["source"], FileVersion(line["size"], line["mtime_ns"]), result, producer, line["run"])
        self._entries.setdefault(line["target"], []).append(entry)

    def _lock(self) -> None:
        try:
            held = lock_file(self._descriptor)
        except OSError:
            return  # a file system without locks
        if not held:
            raise SinkUnavailable(
                f"another nitido run is writing into {self.path.parent}; wait for it or choose another -o"
            )


def _flat(version: FileVersion) -> dict[str, int]:
    return {"size": version.size, "mtime_ns": version.mtime_ns}
