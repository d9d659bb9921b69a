"""File locks that end with their process, on every system."""

from __future__ import annotations

import errno
import os

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

# Otherwise Windows would write two bytes for the end of a line.
BINARY = getattr(os, "O_BINARY", 0)
# Windows prevents others from reading and writing locked bytes, so this byte is far behind any content.
_PLACE = 1 << 30


def lock_file(descriptor: int) -> bool:
    """Locks an open file for this descriptor, without waiting. Closing it unlocks the file.

    Returns ``False`` if another one holds the lock. Raises ``OSError`` if the file system does not support locks.
    """
    if fcntl is None:
        return _lock_on_windows(descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock_on_windows(descriptor: int) -> bool:
    import msvcrt

    os.lseek(descriptor, _PLACE, os.SEEK_SET)  # writes are appended all the same
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # pyright: ignore[reportAttributeAccessIssue]
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EDEADLK):
            return False
        raise
    finally:
        os.lseek(descriptor, 0, os.SEEK_SET)
    return True
