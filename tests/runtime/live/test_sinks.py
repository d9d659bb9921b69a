"""What a sink's name stands for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nitido.errors import SinkUnavailable
from nitido.live.sinks import NullSink, open_sink
from support.frames import frames_in
from support.live_fakes import frame


def test_nothing_is_overwritten_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"mine")
    with pytest.raises(SinkUnavailable, match="--overwrite"):
        open_sink(str(path))
    with open_sink(str(path), fps=25, overwrite=True) as sink:
        sink.write(frame(1, (64, 48)))
    assert frames_in(path) == 1


@pytest.mark.parametrize(
    ("spec", "message"),
    [("a.gif", "name ending in"), ("nowhere", "name ending in"), ("mjpeg://127.0.0.1:port", "expected mjpeg://")],
)
def test_sinks_that_cannot_be_say_what_is_expected(spec: str, message: str) -> None:
    with pytest.raises(SinkUnavailable, match=message):
        open_sink(spec)


def test_none_takes_anything() -> None:
    with open_sink("none") as sink:
        sink.write(np.zeros((4, 4, 3), np.uint8))
    assert isinstance(sink, NullSink) and sink.fps is None
