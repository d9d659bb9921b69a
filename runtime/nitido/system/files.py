"""Files that are there complete or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nitido.errors import SinkUnavailable


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside ``path`` to write to; when the block ends well it is synced and takes ``path``'s place.

    After an exception nothing is left of it and ``path`` is as it was. An ``OSError`` (no such folder, no right, disk
    full) comes out as ``SinkUnavailable``.
    """
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise SinkUnavailable(f"cannot write {path}: {error.strerror or error}; nothing was changed") from error
    finally:
        if path.parent.is_dir():
            partial.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes) -> None:
    """Writes bytes so that the file is there complete or not at all. Raises ``SinkUnavailable``."""
    with replacing(path) as partial:
        partial.write_bytes(data)
