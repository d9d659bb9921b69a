"""Files and folders that are there complete or not at all, and where a user's system keeps what can be had again."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nitido.errors import SinkUnavailable


def partial_path(path: Path) -> Path:
    """The hidden name beside ``path`` under which it is written until it is complete."""
    return path.with_name(f".{path.stem}.partial{path.suffix}")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside ``path`` to write to. When the block ends well, that file is synced and takes ``path``'s place.

    After an exception nothing is left of it and ``path`` is as it was. An ``OSError`` (no such folder, no permission,
    disk full) comes out as ``SinkUnavailable``.
    """
    partial = partial_path(path)
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


@contextmanager
def replacing_folder(path: Path, *, advice: str = "nothing was changed") -> Iterator[Path]:
    """An empty folder beside ``path`` to fill. When the block ends well, it takes ``path``'s place in one rename.

    After an exception nothing is left of it and ``path`` is as it was. Whoever fills it syncs the files. An ``OSError``
    comes out as ``SinkUnavailable``; advice: how its message ends.
    """
    path = Path(os.path.realpath(path))
    draft, old = (path.with_name(f".{path.name}.{secrets.token_hex(4)}.{part}") for part in ("partial", "old"))
    try:
        draft.mkdir(parents=True)
        yield draft
        if path.exists():
            path.rename(old)
        try:
            draft.rename(path)
        except BaseException:
            if old.exists():
                old.rename(path)
            raise
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise SinkUnavailable(f"cannot write {path}: {error.strerror or error}; {advice}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def refuse_existing(paths: Iterable[Path], *, overwrite: bool, choose: str = "another name") -> None:
    """Raises ``SinkUnavailable`` when one of the paths exists, unless ``overwrite``. choose: what to choose instead."""
    for path in paths:
        if path.exists() and not overwrite:
            raise SinkUnavailable(f"{path} exists; choose {choose} or give --overwrite")


def cache_folder() -> Path:
    """Where this system keeps what a program of the user can fetch again."""
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "nitido" / "Cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "nitido"
    given = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(given) if Path(given).is_absolute() else home / ".cache") / "nitido"
