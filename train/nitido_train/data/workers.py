"""Batches that other processes prepare. Their errors are reported in one line."""

from __future__ import annotations

import errno
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader

from nitido.errors import NitidoError, TrainingError

ADVICE = "--workers 0 prepares the patches without other processes"
SMALLEST = 1 << 17  # bytes of shared memory that the first process needs at least
_SHARED = Path("/dev/shm")
_FULL = f"no room in {_SHARED}, through which processes pass on patches; enlarge it, or {ADVICE}"


def from_workers(loader: DataLoader[Any]) -> Iterator[Any]:
    """The batches of a loader with workers. Raises ``TrainingError`` when workers fail, for example because /dev/shm is
    too small, and passes on their ``NitidoError``."""
    if _SHARED.is_dir() and shutil.disk_usage(_SHARED).free < SMALLEST:
        # torch would leave an incomplete loader, which prints a traceback when it is deleted.
        raise TrainingError(_FULL)
    try:
        yield from loader
    except NitidoError as error:
        # The message is the worker's traceback, of which the last line is the error.
        raise type(error)(str(error).strip().splitlines()[-1].partition(": ")[2]) from error
    except MemoryError as error:
        raise TrainingError(f"a process that prepares patches ran out of memory; {ADVICE}") from error
    except (OSError, RuntimeError) as error:
        raise TrainingError(_reason(error)) from error


def begin_worker(_index: int) -> None:
    """Called in each process of a loader. Service managers and ``timeout`` send SIGTERM to a whole group of processes.
    The signal is meant for the training process, which needs its batch to finish the step and then ends the others."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _reason(error: Exception) -> str:
    text = str(error)
    small = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.ENOENT, errno.EACCES)
    if small or "shared memory" in text or "/torch_" in text or "No space left" in text:
        return _FULL
    line = (text.strip().splitlines() or [type(error).__name__])[-1 if "Traceback" in text else 0]
    return f"a process that prepares patches failed ({line}); {ADVICE}"
