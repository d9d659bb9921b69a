"""PyAV beside OpenCV."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

_WINDOW = """
from nitido.video.library import load_av
load_av()
import cv2, numpy
cv2.namedWindow("nitido")
cv2.imshow("nitido", numpy.zeros((48, 64, 3), numpy.uint8))
cv2.waitKey(50)
print("shown")
"""


@pytest.fixture
def display() -> Iterator[str]:
    """A display that nobody sees."""
    if shutil.which("Xvfb") is None:
        pytest.skip("needs Xvfb")
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "320x240x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL) as server:
        os.close(writing)
        try:
            with os.fdopen(reading) as pipe:
                yield f":{pipe.readline().strip()}"
        finally:
            server.terminate()


@pytest.mark.slow
def test_windows_open_after_both_libraries_are_loaded(display: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _WINDOW],
        env=os.environ | {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if "could not connect to display" in done.stderr or "headless" in done.stderr:
        pytest.skip("this OpenCV cannot open windows")
    assert done.stdout == "shown\n", done.stderr


def test_opencv_is_loaded_first() -> None:
    code = "from nitido.video.library import load_av; load_av(); import sys; names = list(sys.modules); "
    code += "print(names.index('cv2') < names.index('av'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "True\n"
