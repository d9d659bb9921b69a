from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path

import pytest

from nitido.errors import FrameMismatch, SinkClosed, SourceUnavailable
from nitido.live.sinks.pipe import PipeSink
from nitido.live.sources.pipe import PipeSource
from support.commands import HANG, command, running
from support.live_fakes import frame, raw_frames


def live(*arguments: object, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command("live", *arguments), input=given, capture_output=True, timeout=HANG, check=False)


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


def test_a_short_last_frame_is_told_and_left_out(caplog: pytest.LogCaptureFixture) -> None:
    source = PipeSource((16, 12), stream=io.BytesIO(raw_frames(1, 2, 3)[:-5]))
    assert len(list(source)) == 2
    assert "the last frame was short, 571 of 576 bytes" in caplog.text


def test_a_pipe_is_live_unless_it_has_a_rate_to_be_read_at() -> None:
    assert PipeSource((4, 4), stream=io.BytesIO()).live
    assert not PipeSource((4, 4), rate=25, stream=io.BytesIO()).live
    with pytest.raises(SourceUnavailable, match="at least 1×1"):
        PipeSource((0, 4), stream=io.BytesIO())


def test_frames_of_another_size_and_a_reader_that_has_gone_are_told_apart() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb", buffering=0) as stream:
        sink = PipeSink(stream=stream)
        sink.write(frame(1))
        with pytest.raises(FrameMismatch, match="expected frames of"):
            sink.write(frame(1, (8, 8)))
        os.close(reading)
        with pytest.raises(SinkClosed, match="gone after 1 frames"):
            sink.write(frame(2))


def test_every_piped_frame_comes_out_restored_and_text_goes_to_stderr(tiny_models: dict[str, Path]) -> None:
    done = live(
        "--source", "-", "--size", "16x12", "--sink", "-", "--every-frame", "--model", tiny_models["denoise"],
        given=raw_frames(*range(20)) + b"rest",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert len(done.stdout) == 20 * 16 * 12 * 3
    text = done.stderr.decode()
    assert "20 of 20 frames shown" in text and "4 of 576 bytes" in text and "bgr24, 16×12" in text


def test_strength_nothing_returns_the_piped_bytes(tiny_models: dict[str, Path]) -> None:
    given = raw_frames(*range(5))
    done = live(
        "--source", "-", "--size", "16x12", "--sink", "-", "--every-frame", "--strength", 0,
        "--model", tiny_models["denoise"], given=given,
    )  # fmt: skip
    assert done.stdout == given


def test_a_reader_that_goes_away_ends_the_run_well(tiny_models: dict[str, Path]) -> None:
    arguments = ["--source", "-", "--size", "160x120", "--sink", "-", "--every-frame", "--model"]
    with running(
        command("live", *arguments, tiny_models["denoise"]),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
    ) as process:  # fmt: skip
        process.stdin.write(raw_frames(1, 2, size=(160, 120)))
        process.stdout.read(1000)
        process.stdout.close()
        try:
            for value in range(200):
                process.stdin.write(raw_frames(value, size=(160, 120)))
        except BrokenPipeError:
            pass
        process.stdin.close()
        text = process.stderr.read().decode()
        assert process.wait(HANG) == 0, text
    assert "the reader of the frames has gone" in text and "Traceback" not in text


def test_an_empty_pipe_ends_at_once_and_is_an_error(tiny_models: dict[str, Path]) -> None:
    done = live("--source", "-", "--size", "16x12", "--sink", "none", "--model", tiny_models["denoise"])
    assert done.returncode == 1 and b"ended without a frame" in done.stderr
