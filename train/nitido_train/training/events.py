"""TensorBoard's file of events, written record by record."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog  # pyright: ignore[reportAttributeAccessIssue]
from tensorboard.compat.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue]
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard.summary import image, scalar

from nitido.errors import SinkUnavailable
from nitido.frames import Frame


class EventFile:
    """A new file of events in a folder.

    torch's ``SummaryWriter`` writes in a thread, which only prints a traceback if the disk is full. Here every record
    is in the file when a call returns, or ``SinkUnavailable`` is raised and the file ends with the record before.
    """

    def __init__(self, folder: Path, *, first: int = 0) -> None:
        """first: the step from which a resumed training continues; records of later steps in other files become
        invalid."""
        self.path = folder / f"events.out.tfevents.{int(time.time()):010}.{socket.gethostname()}.{os.getpid()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("wb", buffering=0)
        except OSError as error:
            raise self._refused(error) from error
        self._size = 0
        self._write(Event(file_version="brain.Event:2"))
        if first:
            self._write(Event(step=first + 1, session_log=SessionLog(status=SessionLog.START)))

    def close(self) -> None:
        self._file.close()

    def add_scalars(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self._add(scalar(name, value), step)

    def add_pictures(self, pictures: Mapping[str, Frame], step: int) -> None:
        for name, picture in pictures.items():
            self._add(image(name, picture[..., ::-1].copy(), dataformats="HWC"), step)

    def _add(self, summary: Summary, step: int) -> None:
        self._write(Event(step=step, summary=summary))

    def _write(self, event: Event) -> None:
        event.wall_time = time.time()
        try:
            # A single write, so that the file contains whole records, unless the disk is full.
            RecordWriter(self).write(event.SerializeToString())
        except OSError as error:
            with contextlib.suppress(OSError):
                os.truncate(self._file.fileno(), self._size)
            raise self._refused(error) from error

    def write(self, record: bytes) -> None:
        """The file interface that ``RecordWriter`` needs."""
        rest = memoryview(record)
        while rest:  # a disk that is nearly full accepts only a part
            rest = rest[self._file.write(rest) :]
        self._size += len(record)

    def _refused(self, error: OSError) -> SinkUnavailable:
        return SinkUnavailable(f"cannot write {self.path.parent}: {error.strerror or error}")
