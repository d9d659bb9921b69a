"""Raw frames through pipes."""

from __future__ import annotations

import io
import os

import pytest

from nitido.errors import FrameMismatch, SinkClosed, SourceUnavailable
from nitido.live.sinks.pipe import PipeSink
from nitido.live.sources.pipe import PipeSource
from support.live_fakes import frame, raw_frames


class Trickle(io.RawIOBase):
    """A stream that gives a few bytes at a time, as pipes do."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, room: memoryview) -> int:  # type: ignore[override]
        return self._data.readinto(room[:7])


def test_frames_are_put_together_however_the_pipe_cuts_them() -> None:
    source = PipeSource((16, 12), stream=Trickle(raw_frames(1, 2, 3)))  # type: ignore[arg-type]
    assert [item[11, 15, 2] for item in source] == [1, 2, 3]


def test_a_short_last_frame_is_reported_and_left_out(caplog: pytest.LogCaptureFixture) -> None:
    source = PipeSource((16, 12), stream=io.BytesIO(raw_frames(1, 2, 3)[:-5]))
    assert len(list(source)) == 2
    assert "the last frame was incomplete, 571 of 576 bytes" in caplog.text


def test_a_pipe_is_live_unless_it_has_a_rate_to_be_read_at() -> None:
    assert PipeSource((4, 4), stream=io.BytesIO()).live
    assert not PipeSource((4, 4), rate=25, stream=io.BytesIO()).live
    with pytest.raises(SourceUnavailable, match="at least 1×1"):
        PipeSource((0, 4), stream=io.BytesIO())


def test_frames_of_another_size_and_a_closed_reader_raise_different_errors() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb", buffering=0) as stream:
        sink = PipeSink(stream=stream)
        sink.write(frame(1))
        with pytest.raises(FrameMismatch, match="expected frames of"):
            sink.write(frame(1, (8, 8)))
        os.close(reading)
        with pytest.raises(SinkClosed, match=r"closed the pipe after 1 frame$"):
            sink.write(frame(2))
