"""The virtual camera, without one."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from nitido.errors import FrameMismatch, SinkUnavailable
from nitido.frames import Frame
from nitido.live.sinks import open_sink
from support.live_fakes import frame


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
