"""A virtual camera for video calls and other programs."""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from typing import Any

from nitido.errors import FrameMismatch, SinkUnavailable
from nitido.frames import Frame

_log = logging.getLogger(__name__)
_DRIVERS = {
    "linux": "load the driver: sudo apt install v4l2loopback-dkms && sudo modprobe v4l2loopback exclusive_caps=1",
    "darwin": "install OBS 30 or later, start its virtual camera once, and stop it",
    "win32": "install OBS, which brings the driver",
}


class VirtualCameraSink:
    """Sends frames to a virtual camera through pyvirtualcam; the first frame sets the size.

    fps: nominal frames per second of the camera. device: such as ``/dev/video9``; default: the first free one.
    Raises ``SinkUnavailable`` without the package or the driver, naming what is missing; ``FrameMismatch``.
    """

    def __init__(self, fps: float, *, device: str | None = None) -> None:
        try:
            self._package: Any = import_module("pyvirtualcam")
        except ModuleNotFoundError as error:
            raise SinkUnavailable(
                "a virtual camera needs pyvirtualcam, which is not installed; run: pip install 'nitido[camera]'"
            ) from error
        self.fps, self.device = fps, device
        self._camera: Any = None
        self._shape: tuple[int, ...] = ()

    def write(self, frame: Frame) -> None:
        """Sends a frame H×W×3, uint8 BGR."""
        if self._camera is None:
            height, width = frame.shape[:2]
            try:
                self._camera = self._package.Camera(
                    width, height, self.fps, fmt=self._package.PixelFormat.BGR, device=self.device
                )
            except (RuntimeError, ValueError) as error:
                reason = " ".join(str(error).split())
                advice = _DRIVERS.get(sys.platform, "see pyvirtualcam's documentation for a driver")
                raise SinkUnavailable(f"no virtual camera: {reason}; {advice}") from error
            self._shape = frame.shape
            _log.info("virtual camera %s, %d×%d", self._camera.device, width, height)
        if frame.shape != self._shape:
            raise FrameMismatch(f"expected frames of {self._shape} for the virtual camera, found {frame.shape}")
        try:
            self._camera.send(frame)
        except (RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise SinkUnavailable(f"the virtual camera {self._camera.device} takes no more frames: {reason}") from error

    def __enter__(self) -> VirtualCameraSink:
        return self

    def __exit__(self, *_: object) -> None:
        if self._camera is not None:
            self._camera.close()
            self._camera = None
