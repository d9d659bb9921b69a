"""``nitido live`` and ``nitido cameras`` as they are typed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nitido.video.reader import VideoSource
from nitido.video.writer import VideoSink
from support.commands import HANG, command, nitido
from support.live_fakes import frame


@pytest.mark.parametrize(
    ("source", "message"),
    [("63", "cannot open camera 63"), ("http://127.0.0.1:9/x", "cannot open the stream"), ("bad.mp4", "not a video")],
)
def test_a_source_that_cannot_be_opened_is_one_line(source: str, message: str, tmp_path: Path) -> None:
    if source.endswith("mp4"):
        source = str(tmp_path / source)
        Path(source).write_text("no video")
    done = nitido("live", "--source", source, "--sink", "none")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("Error: ") and message in done.stderr


def test_a_recorded_clip_has_its_first_frame_and_its_length(tmp_path: Path) -> None:
    count, clip, clean = 16, tmp_path / "clip.avi", tmp_path / "clean.avi"
    with VideoSink(clip, 30) as sink:
        for number in range(count):
            sink.write(np.full((480, 640, 3), 40 + 10 * number, np.uint8))
    done = nitido("live", "--source", clip, "--sink", clean, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    with VideoSource(clean) as source:
        levels = [float(item.mean()) for item in source]
    assert len(levels) == count
    assert abs(levels[0] - 40) < 5 and abs(levels[-1] - (40 + 10 * (count - 1))) < 5


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a display")
@pytest.mark.parametrize("display", ["", ":63219"])
def test_without_a_display_a_window_is_an_error_and_not_an_abort(tiny_models: dict[str, Path], display: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = subprocess.run(
        command("live", "--source", "-", "--size", "16x12", "--sink", "window", "--model", tiny_models["denoise"]),
        input=frame(1).tobytes(), capture_output=True, timeout=HANG, check=False,
        env=environment | ({"DISPLAY": display} if display else {}),
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.decode().startswith("Error: no window without a display") and b"mjpeg://" in done.stderr
