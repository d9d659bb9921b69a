"""Video files as sinks: complete or not there, and never cut short without a word."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import pytest

from nitido.errors import FrameMismatch, SinkUnavailable
from nitido.video.io import VideoSink, VideoSource
from support.frames import frames_in
from support.live_fakes import frame


def write(sink: VideoSink, count: int, size: tuple[int, int] = (64, 48)) -> None:
    for value in range(count):
        sink.write(frame(value, size))


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".m4v", ".mkv", ".avi", ".MP4"])
def test_a_file_appears_whole_when_it_is_finished(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "new" / f"clip{suffix}"
    with VideoSink(path, 25) as sink:
        write(sink, 12)
        assert not path.exists()
    assert frames_in(path) == 12
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_an_exception_removes_a_result_and_keeps_a_recording(tmp_path: Path) -> None:
    for keep in (False, True):
        path = tmp_path / f"{keep}.mp4"
        with pytest.raises(RuntimeError), VideoSink(path, 25, keep=keep) as sink:
            write(sink, 9)
            raise RuntimeError
        assert path.exists() == keep
    assert frames_in(tmp_path / "True.mp4") == 9
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("keep", [False, True])
def test_a_disk_that_is_nearly_full_is_noticed_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: bool
) -> None:
    room = iter([10**9] * 8 + [10**6])
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=next(room)))
    path = tmp_path / "clip.mp4"
    kept = "8 frames so far are kept" if keep else "nothing was kept"
    with pytest.raises(SinkUnavailable, match=kept), VideoSink(path, 25, keep=keep) as sink:
        write(sink, 30)
    assert path.exists() == keep
    if keep:
        assert frames_in(path) == 8
    assert not list(tmp_path.glob(".*"))


# The kernel refuses what goes beyond a limit, as a quota or a full disk would, and OpenCV says nothing about it.
_LIMITED = """
import resource, sys
from pathlib import Path
import numpy as np
from nitido.errors import SinkUnavailable
from nitido.video.io import VideoSink
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
rng = np.random.default_rng(0)
try:
    with VideoSink(Path(sys.argv[1]), 25, keep=sys.argv[2] == "keep") as sink:
        for _ in range(40):
            sink.write(rng.integers(0, 256, (240, 320, 3), dtype=np.uint8))
except SinkUnavailable as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
@pytest.mark.parametrize("keep", ["keep", "drop"])
def test_writes_that_fail_in_silence_are_found_when_the_file_is_read_back(
    tmp_path: Path, suffix: str, keep: str
) -> None:
    path = tmp_path / f"clip{suffix}"
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(path), keep], capture_output=True, text=True, timeout=60, check=False
    )
    assert "was cut short" in done.stdout, done.stderr
    if keep == "drop":
        assert not path.exists()
    elif path.exists():
        assert 0 < frames_in(path) < 40
    assert not list(tmp_path.glob(".*"))


def test_frames_of_another_size_are_refused_not_lost(tmp_path: Path) -> None:
    with pytest.raises(FrameMismatch, match="expected frames of"), VideoSink(tmp_path / "a.mp4", 25) as sink:
        write(sink, 1)
        sink.write(frame(1, (32, 32)))


def test_closing_a_source_ends_its_iteration(tmp_path: Path) -> None:
    with VideoSink(tmp_path / "a.avi", 25) as sink:
        write(sink, 5)
    with VideoSource(tmp_path / "a.avi") as source:
        frames = iter(source)
        next(frames)
        source.close()
        assert list(frames) == []
        assert (source.fps, source.count, source.live) == (25, 5, False)


def test_opencv_counts_what_was_written(tmp_path: Path) -> None:
    """The read-back relies on it: a container's frame count is that of the frames in it."""
    for suffix in (".mp4", ".mkv", ".avi"):
        with VideoSink(tmp_path / f"a{suffix}", 30) as sink:
            write(sink, 31)
        capture = cv2.VideoCapture(str(tmp_path / f"a{suffix}"))
        assert abs(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) - 31) <= 1
        capture.release()
