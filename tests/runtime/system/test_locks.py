"""Locks of files, and what Windows is asked for, with a double in the place of its library."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from nitido.system import locks


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """One file, opened twice."""
    file = tmp_path / "journal"
    found = [os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | locks.BINARY) for _ in range(2)]
    yield found[0], found[1]
    for descriptor in found:
        os.close(descriptor)


def test_a_second_descriptor_does_not_get_the_lock(pair: tuple[int, int]) -> None:
    assert locks.lock_file(pair[0])
    assert not locks.lock_file(pair[1])


class Msvcrt(SimpleNamespace):
    """Windows's library, as far as one file is concerned."""

    LK_NBLCK = 2

    def __init__(self, answer: int = 0) -> None:
        super().__init__(held=set(), answer=answer)

    def locking(self, descriptor: int, mode: int, count: int) -> None:
        assert mode == self.LK_NBLCK
        place = os.lseek(descriptor, 0, os.SEEK_CUR), count
        if self.answer or place in self.held:
            code = self.answer or errno.EACCES
            raise OSError(code, os.strerror(code))
        self.held.add(place)


def test_windows_locks_a_byte_behind_the_content(pair: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    library = Msvcrt()
    monkeypatch.setitem(sys.modules, "msvcrt", library)  # type: ignore[arg-type]
    monkeypatch.setattr(locks, "fcntl", None)
    assert locks.lock_file(pair[0])
    assert not locks.lock_file(pair[1])
    assert library.held == {(1 << 30, 1)}
    os.write(pair[0], b"line\n")
    assert os.fstat(pair[0]).st_size == 5  # appended, wherever the lock lies


def test_a_file_system_without_locks_is_an_error_of_the_system(
    pair: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "msvcrt", Msvcrt(errno.ENOLCK))  # type: ignore[arg-type]
    monkeypatch.setattr(locks, "fcntl", None)
    with pytest.raises(OSError) as caught:
        locks.lock_file(pair[0])
    assert caught.value.errno == errno.ENOLCK
