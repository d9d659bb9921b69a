"""Window and virtual camera, without either: what is tested is what they do with what they are given."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from nitido.errors import FrameMismatch, SinkClosed, SinkUnavailable
from nitido.frames import Frame
from nitido.live.overlay import compose
from nitido.live.sinks import open_sink
from nitido.live.sinks.window import WindowSink
from nitido.live.state import Controls, Shot, Status
from support.commands import HANG, command
from support.live_fakes import frame

SHOT = Shot(frame(40, (320, 200)), frame(90, (320, 200)), 7, 0.0, 0.0, "m")
STATUS = Status(24.9, 12.4, 20.1, 50, 45, 5, "denoise-n", (320, 200), 1.0, False)


class FakeScreen:
    """OpenCV's window functions, with a list of keys to press."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, keys: str = "") -> None:
        self.shown: list[Frame] = []
        self.visible = 1.0
        self.keys = [ord(key) for key in keys]
        for name in ("namedWindow", "resizeWindow", "destroyWindow"):
            monkeypatch.setattr(cv2, name, lambda *_: None)
        monkeypatch.setattr(cv2, "imshow", lambda _title, view: self.shown.append(view))
        monkeypatch.setattr(cv2, "pollKey", lambda: self.keys.pop(0) if self.keys else -1)
        monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: self.visible)
        monkeypatch.setattr("nitido.live.sinks.window.find_display", lambda: SimpleNamespace(available=True, detail=""))


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


def test_keys_change_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    FakeScreen(monkeypatch)
    window, controls = WindowSink(snapshots=tmp_path), Controls()
    for key in " v---+":
        window.press(ord(key), controls)
    assert (controls.bypass, controls.split, controls.strength, controls.stopping) == (True, True, 0.8, False)
    for key in "+++++ ":
        window.press(ord(key), controls)
    assert (controls.bypass, controls.strength) == (False, 1.0)
    window.press(-1, controls)
    assert not controls.stopping
    window.press(27, controls)
    assert controls.stopping


def test_a_snapshot_keeps_both_pictures_and_a_full_disk_is_no_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    screen = FakeScreen(monkeypatch, keys="s")
    with WindowSink(snapshots=tmp_path / "new") as window:
        window.show(SHOT, STATUS, Controls())
    values = {path.stem.split("-")[-1]: cv2.imread(str(path)) for path in (tmp_path / "new").iterdir()}
    assert {name: int(np.asarray(p)[9, 9, 0]) for name, p in values.items()} == {"before": 40, "after": 90}
    (tmp_path / "file").write_text("")
    screen.keys = [ord("s")]
    with WindowSink(snapshots=tmp_path / "file") as window:
        window.show(SHOT, STATUS, Controls())
    assert "no snapshot" in caplog.text


def test_a_closed_window_ends_the_run_and_is_not_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = FakeScreen(monkeypatch)
    with WindowSink() as window:
        window.show(SHOT, STATUS, Controls())
        screen.visible = 0.0
        with pytest.raises(SinkClosed, match="closed"):
            window.idle(Controls())
    assert len(screen.shown) == 1


def test_a_window_that_the_system_has_forgotten_counts_as_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgotten(*_: object) -> float:
        raise cv2.error("NULL window")

    FakeScreen(monkeypatch)
    with WindowSink() as window:
        window.show(SHOT, STATUS, Controls())
        monkeypatch.setattr(cv2, "getWindowProperty", forgotten)
        with pytest.raises(SinkClosed):
            window.show(SHOT, STATUS, Controls())


def test_the_split_view_is_before_on_the_left_and_after_on_the_right() -> None:
    view = compose(SHOT, None, split=True)
    assert view[60, 10].tolist() == [40] * 3 and view[60, 310].tolist() == [90] * 3
    assert view[60, 160].tolist() == [255] * 3
    assert SHOT.after[60, 10].tolist() == [90] * 3  # the result itself is not drawn on
    assert compose(SHOT, None, split=False) is SHOT.after


def test_a_small_frame_beside_its_enlargement_is_split_at_the_same_place() -> None:
    shot = Shot(frame(40, (160, 100)), frame(90, (320, 200)), 0, 0.0, 0.0, "m")
    assert compose(shot, None, split=True)[60, 150].tolist() == [40] * 3


@pytest.mark.parametrize("size", [(320, 200), (16, 12), (3, 2)])
def test_the_status_is_drawn_at_the_top_only_and_fits_any_frame(size: tuple[int, int]) -> None:
    shot = Shot(frame(40, size), frame(90, size), 0, 0.0, 0.0, "m")
    view = compose(shot, STATUS, split=True)
    assert view.shape == shot.after.shape
    if size[1] == 200:
        plain = compose(shot, STATUS, split=False)
        assert plain[:20].max() > 200 and (plain[60:] == 90).all()


def test_the_status_line_says_what_matters() -> None:
    assert STATUS.line() == "24.9 fps  p50 12 ms  p95 20 ms  5 dropped  denoise-n"
    assert STATUS.line().isascii()


class FakePackage:
    """pyvirtualcam, with or without a driver."""

    PixelFormat = SimpleNamespace(BGR="bgr")

    def __init__(self, problem: str = "") -> None:
        self.problem = problem
        self.sent: list[Frame] = []
        self.closed = False

    def Camera(self, width: int, height: int, fps: float, *, fmt: str, device: str | None) -> Any:  # noqa: N802
        if self.problem:
            raise RuntimeError(self.problem)
        self.asked = (width, height, fps, fmt, device)
        return SimpleNamespace(device="/dev/video9", send=self.sent.append, close=lambda: setattr(self, "closed", True))


def install(monkeypatch: pytest.MonkeyPatch, package: FakePackage | None) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", package)  # type: ignore[arg-type]


def test_a_virtual_camera_takes_the_size_of_the_first_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    package = FakePackage()
    install(monkeypatch, package)
    with open_sink("virtual:/dev/video9", fps=25) as sink:
        sink.write(frame(1))
        with pytest.raises(FrameMismatch, match="expected frames of"):
            sink.write(frame(1, (8, 8)))
    assert package.asked == (16, 12, 25, "bgr", "/dev/video9")
    assert len(package.sent) == 1 and package.closed


def test_a_virtual_camera_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, None)
    with pytest.raises(SinkUnavailable, match=r"pip install 'nitido\[camera\]'"):
        open_sink("virtual")


def test_a_virtual_camera_without_its_driver_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, FakePackage("'v4l2loopback' backend: no device\n  found"))
    monkeypatch.setattr(sys, "platform", "linux")
    with open_sink("virtual") as sink, pytest.raises(SinkUnavailable) as caught:
        sink.write(frame(1))
    assert "no device found" in str(caught.value) and "modprobe v4l2loopback" in str(caught.value)
    assert "\n" not in str(caught.value)
