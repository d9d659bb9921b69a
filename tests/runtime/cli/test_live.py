"""``nitido live`` and ``nitido cameras`` as they are typed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nitido.video.reader import VideoSource
from support.clips import make_clip, psnr, ramp, sound_of, times_of
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


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_recorded_clip_keeps_its_times(tmp_path: Path, suffix: str) -> None:
    times = [0, 0.1, 0.15, 0.4, 0.43, 0.7, 1.0]
    clip, clean = tmp_path / f"clip{suffix}", tmp_path / f"clean{suffix}"
    make_clip(clip, [ramp(i, 480, 640) for i in range(len(times))], times)
    done = nitido("live", "--source", clip, "--sink", clean, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    found = times_of(clean)  # a busy machine may leave frames out
    assert (
        found[0] == 0
        and abs(found[-1] - times[-1]) < 0.002
        and all(min(abs(time - t) for t in times) < 0.002 for time in found)
    )
    with VideoSource(clip) as given, VideoSource(clean) as source:
        assert psnr(next(iter(given)), next(iter(source))) > 30


def test_every_frame_of_a_clip_is_recorded_at_its_time(tmp_path: Path) -> None:
    times = [0.5, 0.6, 0.65, 0.9, 0.93, 1.2, 1.5]
    clip = make_clip(tmp_path / "clip.mp4", [ramp(i, 48, 64) for i in range(len(times))], times, sounds=["spa"])
    done = nitido("live", "--source", clip, "--sink", tmp_path / "clean.mp4", "--device", "cpu", "--every-frame")
    assert done.returncode == 0, done.stderr
    assert np.allclose(times_of(tmp_path / "clean.mp4"), times, atol=0.001)
    assert sound_of(tmp_path / "clean.mp4")


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
