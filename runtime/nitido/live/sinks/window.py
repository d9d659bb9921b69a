"""A window with the live picture."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from pathlib import Path

import cv2

from nitido.errors import SinkClosed, SinkUnavailable
from nitido.frames import Frame
from nitido.images.io import Picture, write_picture
from nitido.live.overlay import compose
from nitido.live.state import Controls, Shot, Status
from nitido.system.machine import Display, find_display

KEYS = "q or Esc: quit, space: bypass, v: split, g: past on and off, s: snapshot, + and -: strength"
_log = logging.getLogger(__name__)
_TRIAL = "import cv2; cv2.namedWindow('nitido'); cv2.pollKey(); cv2.destroyAllWindows()"
_PATIENCE = 15.0


class WindowSink:
    """Shows frames in a window with keyboard control (``KEYS``). It must be used in the main thread, because window
    systems require that.

    snapshots: folder for the pictures that ``s`` takes, before and after as PNG. Raises ``SinkUnavailable`` without a
    display, and ``SinkClosed`` when the window is closed.
    """

    fps: float | None = None

    def __init__(self, title: str = "nitido", *, snapshots: Path | None = None) -> None:
        require_display(find_display())
        self.title = title
        self._snapshots = snapshots or Path()
        self._last: Shot | None = None
        self._open = False

    def write(self, frame: Frame) -> None:
        """Shows a frame H×W×3, uint8 BGR."""
        if not self._open:
            try:
                cv2.namedWindow(self.title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
                cv2.resizeWindow(self.title, frame.shape[1], frame.shape[0])
            except cv2.error as error:
                raise SinkUnavailable(
                    "this OpenCV cannot open windows; install opencv-python instead of opencv-python-headless"
                ) from error
            self._open = True
        self._require_open()  # imshow would open a new one
        cv2.imshow(self.title, frame)

    def show(self, shot: Shot, status: Status, controls: Controls) -> None:
        """Shows a shot with the status line, split if requested, and handles pressed keys."""
        self._last = shot
        self.write(compose(shot, status, split=controls.split))
        self._obey(controls)

    def idle(self, controls: Controls) -> None:
        """Keeps the window responsive while no frame arrives."""
        if self._open:
            self._obey(controls)

    def press(self, key: int, controls: Controls) -> None:
        """Handles a key; ``key`` is its character code, -1 for none."""
        name = chr(key & 0xFF) if key >= 0 else ""
        if name in ("q", "\x1b"):
            controls.stop()
        elif name == " ":
            controls.bypass = not controls.bypass
        elif name == "v":
            controls.split = not controls.split
        elif name == "g":
            controls.past = not controls.past
        elif name in ("+", "="):
            controls.change_strength(0.1)
        elif name == "-":
            controls.change_strength(-0.1)
        elif name == "s" and self._last is not None:
            self._take(self._last)

    def __enter__(self) -> WindowSink:
        return self

    def __exit__(self, *_: object) -> None:
        if self._open:
            cv2.destroyWindow(self.title)
            cv2.pollKey()

    def _obey(self, controls: Controls) -> None:
        self.press(cv2.pollKey(), controls)
        self._require_open()

    def _require_open(self) -> None:
        try:
            visible = cv2.getWindowProperty(self.title, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:  # Qt's message for a window that no longer exists
            visible = False
        if not visible:
            self._open = False
            raise SinkClosed("the window was closed")

    def _take(self, shot: Shot) -> None:
        stem = f"nitido-{time.strftime('%Y%m%d-%H%M%S')}-{shot.index}"
        try:
            for name, frame in (("before", shot.before), ("after", shot.after)):
                write_picture(self._snapshots / f"{stem}-{name}.png", Picture(frame))
        except SinkUnavailable as error:  # a full disk does not end a live view
            _log.warning("no snapshot: %s", error)
        else:
            _log.info("snapshot: %s-before.png and -after.png", self._snapshots / stem)


def require_display(display: Display) -> None:
    """Raises ``SinkUnavailable`` when a window cannot be opened, because OpenCV's window library would abort the
    process."""
    detail = display.detail
    if display.available and sys.platform.startswith("linux"):
        refusal = _try_window()
        detail = f"{display.detail.partition(',')[0]} refuses it ({refusal})" if refusal else ""
    elif display.available is not False:
        return
    if detail:
        raise SinkUnavailable(
            f"no window without a display: {detail}; use --sink mjpeg://127.0.0.1:8080 and a browser, or a file"
        )


def _try_window() -> str:
    """Why a separate process cannot open a window; empty if it can. A display may be set, answer, and still refuse us;
    Qt then aborts the process."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _TRIAL],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_PATIENCE:g} s"
    if done.returncode == 0:
        return ""
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return next(
        (line for line in said if "could not connect" in line or "rror" in line), said[0] if said else "no reason"
    )
