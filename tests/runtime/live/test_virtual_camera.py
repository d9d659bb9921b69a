"""The virtual camera without one: with a stand-in for pyvirtualcam, and with pyvirtualcam on a backend of the test."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nitido.errors import FrameMismatch, SinkUnavailable
from nitido.frames import Frame
from nitido.live.loop import run
from nitido.live.sinks import open_sink
from support.live_fakes import FakeSource, fake_model, frame


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


class Backend:
    """A backend as pyvirtualcam describes it: keyword arguments, flat frames, closed exactly once."""

    opened: list[Backend]
    broken = False

    def __init__(self, *, width: int, height: int, fps: float, fourcc: int, device: str | None) -> None:
        if device not in (None, "here"):
            raise RuntimeError(f"Device {device} does not exist.")
        self.asked = (width, height, fps, fourcc)
        self.sent: list[bytes] = []
        self.closed = 0
        self.opened.append(self)

    def send(self, flat: Frame) -> None:
        assert flat.ndim == 1 and flat.dtype == np.uint8 and flat.flags.c_contiguous
        if self.broken:
            raise RuntimeError("error writing frame:\n  No such device")
        self.sent.append(flat.tobytes())

    def close(self) -> None:
        self.closed += 1

    def device(self) -> str:
        return "here"

    def native_fourcc(self) -> int | None:
        return None


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> type[Backend]:
    """The only backend that the real pyvirtualcam has."""
    package = pytest.importorskip("pyvirtualcam")
    found = type("Found", (Backend,), {"opened": []})
    monkeypatch.setattr(package.camera, "BACKENDS", {})
    package.register_backend("test", found)
    return found


def test_pyvirtualcam_gets_the_frames_of_a_run_in_bgr(backend: type[Backend]) -> None:
    package = pytest.importorskip("pyvirtualcam")
    picture = np.random.default_rng(0).integers(0, 255, (12, 16, 3), np.uint8)
    with FakeSource(iter([picture, picture[:, ::-1]])) as source, open_sink("virtual", fps=25) as sink:
        run(source, fake_model(), sink, every_frame=True)
    (camera,) = backend.opened
    assert camera.asked == (16, 12, 25, package.util.encode_fourcc(package.PixelFormat.BGR.value))
    assert camera.sent == [(picture + 1).tobytes(), (picture[:, ::-1] + 1).tobytes()]
    assert camera.closed == 1


def test_a_device_that_pyvirtualcam_does_not_find_is_named(backend: type[Backend]) -> None:
    with (
        open_sink("virtual:elsewhere") as sink,
        pytest.raises(SinkUnavailable, match="Device elsewhere does not exist"),
    ):
        sink.write(frame(1))
    assert backend.opened == []


def test_a_virtual_camera_that_goes_away_ends_the_run_with_its_reason(backend: type[Backend]) -> None:
    with open_sink("virtual:here") as sink:
        sink.write(frame(1))
        backend.broken = True
        with pytest.raises(SinkUnavailable) as caught:
            sink.write(frame(2))
    assert str(caught.value) == "the virtual camera here takes no more frames: error writing frame: No such device"
    assert backend.opened[0].closed == 1


@pytest.mark.skipif(sys.platform != "linux", reason="what v4l2loopback says is said on Linux")
@pytest.mark.parametrize(
    ("device", "said"),
    [("/dev/video77", "Device /dev/video77 does not exist"), ("/dev/null", "capabilities of /dev/null could not be")],
)
def test_what_v4l2loopback_says_of_a_wrong_device_is_passed_on(device: str, said: str) -> None:
    pytest.importorskip("pyvirtualcam")
    if Path("/dev/video77").exists():
        pytest.skip("/dev/video77 exists")
    with open_sink(f"virtual:{device}") as sink, pytest.raises(SinkUnavailable, match=said) as caught:
        sink.write(frame(1))
    assert "modprobe v4l2loopback" in str(caught.value)
