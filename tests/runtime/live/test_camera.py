from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

from nitido.errors import SourceUnavailable
from nitido.live.loop import run
from nitido.live.sources import Measured, open_source
from nitido.live.sources.camera import CameraSource, CaptureSettings
from support.clip_server import served
from support.clips import make_clip, ramp
from support.live_fakes import ListSink, fake_model, frame


class FakeCapture:
    """Gives ``frames`` frames, then none any more, like a camera that was pulled out."""

    def __init__(self, frames: int, *, opened: bool = True, count: int = 0, fourcc: str = "MJPG") -> None:
        self.left, self.opened, self.released = frames, opened, False
        self.facts = {
            cv2.CAP_PROP_FRAME_WIDTH: 16,
            cv2.CAP_PROP_FRAME_HEIGHT: 12,
            cv2.CAP_PROP_FPS: 15.0,
            cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*fourcc),
            cv2.CAP_PROP_FRAME_COUNT: count,
        }

    def isOpened(self) -> bool:  # noqa: N802 (OpenCV's name)
        return self.opened

    def read(self) -> tuple[bool, Any]:
        self.left -= 1
        return (True, frame(7)) if self.left >= 0 else (False, None)

    def get(self, propId: int, /) -> float:  # noqa: N803 (OpenCV's name)
        return self.facts.get(propId, 0.0)

    def release(self) -> None:
        self.released = True


def camera(
    *captures: FakeCapture, wait: Callable[[float], bool], settings: CaptureSettings | None = None
) -> CameraSource:
    """A camera whose successive openings give these captures."""
    given = iter(captures)
    return CameraSource(3, opener=lambda: next(given), wait=wait, settings=settings)


def test_a_lost_camera_is_opened_again_with_growing_pauses() -> None:
    away = [FakeCapture(0, opened=False) for _ in range(8)]
    pauses: list[float] = []

    def wait(seconds: float) -> bool:
        pauses.append(seconds)
        return len(pauses) > 9  # after it came back and was lost again, somebody stops

    first, again = FakeCapture(2), FakeCapture(3)
    with camera(first, *away, again, wait=wait) as source:
        assert len(list(source)) == 5
        assert source.reconnects == 1
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 0.5]
    assert first.released and again.released


def test_a_live_run_over_a_lost_camera_goes_on_and_counts_it() -> None:
    pauses: list[float] = []

    def wait(seconds: float) -> bool:
        pauses.append(seconds)
        return len(pauses) == 2

    with camera(FakeCapture(3), FakeCapture(4), wait=wait) as source, ListSink() as sink:
        report = run(source, fake_model(), sink)
    assert (report.captured, report.reconnects) == (7, 1)
    assert "1 reconnect;" in report.line()


def test_closing_ends_the_wait_for_a_lost_camera() -> None:
    source = CameraSource(3, opener=iter([FakeCapture(1)]).__next__)  # type: ignore[arg-type]
    frames = iter(source)
    next(frames)
    source.close()
    assert list(frames) == []


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("every_frame", [True, False])
def test_a_clip_behind_an_address_plays_like_a_file_and_ends(tmp_path: Path, ranges: bool, every_frame: bool) -> None:
    clip = make_clip(tmp_path / "clip.mp4", [ramp(i) for i in range(12)], fast_start=True)
    with served(clip, ranges=ranges) as url, open_source(url) as source, ListSink() as sink:
        assert not source.live
        report = run(source, fake_model(), sink, every_frame=every_frame)
    assert report.captured == 12 and report.ended == "source ended"
    if every_frame:
        assert len(sink.frames) == 12


def test_requested_and_obtained_settings_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "nitido")
    settings = CaptureSettings((640, 480), 30, "YUYV")
    source = camera(FakeCapture(1), wait=lambda _s: True, settings=settings)
    assert source.obtained == CaptureSettings((16, 12), 15.0, "MJPG") and (source.frame_size, source.fps) == (
        (16, 12),
        15.0,
    )
    assert isinstance(source, Measured)  # so that a run can make ready before the first frame
    assert "3: requested 640×480 30 fps YUYV, obtained 16×12 15 fps MJPG" in caplog.text
    caplog.clear()
    camera(FakeCapture(1), wait=lambda _s: True, settings=CaptureSettings((16, 12), 15, "mjpg"))
    assert "obtained 16×12 15 fps MJPG" in caplog.text and "asked" not in caplog.text


def test_a_driver_without_values_is_ignored() -> None:
    capture = FakeCapture(1, fourcc="\0\0\0\0")
    capture.facts |= {cv2.CAP_PROP_FPS: 90000.0, cv2.CAP_PROP_FRAME_WIDTH: 0}
    assert camera(capture, wait=lambda _s: True).obtained == CaptureSettings(None, None, None)


def test_a_camera_that_is_not_there_is_an_error_at_once() -> None:
    with pytest.raises(SourceUnavailable, match="cannot open camera 3"):
        camera(FakeCapture(0, opened=False), wait=lambda _s: True)
    with pytest.raises(SourceUnavailable, match="cannot open the stream"):
        CameraSource("rtsp://127.0.0.1:9/x", opener=lambda: FakeCapture(0, opened=False))


def test_opencv_has_nothing_to_add_to_that_error_and_can_be_heard_again(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SourceUnavailable, match="cannot open camera 63"):
        CameraSource(63)
    assert capfd.readouterr().err == ""
    if sys.platform == "linux":
        cv2.VideoCapture(63, cv2.CAP_V4L2)
        assert "WARN" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("spec", "message"),
    [("missing.mp4", "no such file"), ("ftp://host/x", "expected one of"), ("-", "--size")],
)
def test_sources_that_cannot_be_say_what_is_expected(spec: str, message: str) -> None:
    with pytest.raises(SourceUnavailable, match=message):
        open_source(spec)


def test_a_file_that_is_not_a_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"no video")
    with pytest.raises(SourceUnavailable, match="not a video"):
        open_source(str(tmp_path / "x.mp4"))
