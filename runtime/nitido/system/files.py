"""Writes files and folders atomically, and finds the folders for caches and settings of the user."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import secrets
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nitido.errors import SinkUnavailable

_log = logging.getLogger(__name__)

_LONGEST_NAME = 255  # bytes, for nearly every file system
# Errors of a file system that cannot sync. Other errors, such as a full or broken disk, are failures.
_NO_SYNC = frozenset(
    getattr(errno, name)
    for name in ("EINVAL", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EROFS", "EPERM", "EACCES", "ENOTTY")
    if hasattr(errno, name)
)
_unsynced: set[int] = set()  # devices for which this process has already logged it


def partial_path(path: Path) -> Path:
    """The hidden name next to ``path`` under which the file is written until it is complete. It has the same suffix,
    and is never too long for the file system: a long name is shortened to its beginning and a digest."""
    return path.with_name(_hidden_name(path, path.stem, f".partial{path.suffix}"))


def _hidden_name(path: Path, stem: str, end: str) -> str:
    """``.STEM`` and ``end``, with a shortened stem if the name next to ``path`` would be too long."""
    name = f".{stem}{end}"
    if len(os.fsencode(name)) <= (longest := _longest_name(path.parent, len(os.fsencode(name)))):
        return name
    digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:8]
    room = longest - len(os.fsencode(f"..{digest}{end}"))
    while stem and len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return f".{stem}.{digest}{end}"


def _longest_name(folder: Path, length: int) -> int:
    """The longest possible name in bytes in a folder, or in its nearest existing parent; only determined if ``length``
    is close to it."""
    if length <= 100 or not hasattr(os, "pathconf"):
        return _LONGEST_NAME
    for place in (folder, *folder.parents):
        try:
            return min(_LONGEST_NAME, os.pathconf(place, "PC_NAME_MAX"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            break
    return _LONGEST_NAME


def sync_to_disk(descriptor: int, path: Path) -> None:
    """Waits until the written data is on the disk. If the file system cannot do that, it is logged once.

    path: of the file, for the message. Raises ``OSError`` when the disk is full or broken.
    """
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
        device = os.fstat(descriptor).st_dev
        if device not in _unsynced:
            _unsynced.add(device)
            _log.warning(
                "%s: this file system cannot sync (%s); after a power failure results may be incomplete",
                path.parent,
                error.strerror or error,
            )


def copy_mode(source: Path, path: Path) -> None:
    """Gives a file the permissions of another one; if the file system cannot do that, it is logged."""
    try:
        path.chmod(stat.S_IMODE(source.stat().st_mode) & 0o777)
    except OSError as error:
        _log.warning("%s: its permissions cannot be kept: %s", path, error.strerror or error)


def exists(path: Path) -> bool:
    """Whether a path exists. The result is false if the system cannot check it, because the name is too long or a
    parent folder is not accessible; ``Path.exists`` raises then."""
    try:
        return path.exists()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Whether a folder exists; like :func:`exists` it does not raise, in contrast to ``Path.is_dir``."""
    try:
        return path.is_dir()
    except OSError:
        return False


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path next to ``path`` to write to. After the block, that file is synced and replaces ``path``.

    After an exception, it is removed and ``path`` is unchanged. An ``OSError`` (no such folder, no permission, disk
    full) is raised as ``SinkUnavailable``.
    """
    partial = partial_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        _sync_file(partial)
        partial.replace(path)
    except OSError as error:
        raise SinkUnavailable(f"cannot write {path}: {error.strerror or error}; nothing was changed") from error
    finally:
        if path.parent.is_dir():
            partial.unlink(missing_ok=True)


def _sync_file(path: Path) -> None:
    # Only Windows needs a writable descriptor, which a read-only file cannot give.
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        sync_to_disk(descriptor, path)
    finally:
        os.close(descriptor)


def write_whole(path: Path, data: bytes) -> None:
    """Writes bytes to a file atomically. Raises ``SinkUnavailable``."""
    with replacing(path) as partial:
        partial.write_bytes(data)


@contextmanager
def replacing_folder(path: Path, *, advice: str = "nothing was changed") -> Iterator[Path]:
    """An empty folder next to ``path`` to fill. After the block, it replaces ``path`` with one rename.

    After an exception, it is removed and ``path`` is unchanged. The caller syncs the files. An ``OSError`` is raised as
    ``SinkUnavailable``; advice: the end of its message.
    """
    path = Path(os.path.realpath(path))
    draft, old = (
        path.with_name(_hidden_name(path, path.name, f".{secrets.token_hex(4)}.{part}")) for part in ("partial", "old")
    )
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
        if exists(path) and not overwrite:
            raise SinkUnavailable(f"{path} exists; choose {choose} or give --overwrite")


def cache_folder() -> Path:
    """The folder of this system for data that a program of the user can fetch again."""
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "nitido" / "Cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "nitido"
    given = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(given) if Path(given).is_absolute() else home / ".cache") / "nitido"


def config_folder() -> Path:
    """The folder of this system for a user's settings of a program."""
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or home / "AppData" / "Roaming") / "nitido"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "nitido"
    given = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(given) if Path(given).is_absolute() else home / ".config") / "nitido"
