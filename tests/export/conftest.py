"""What the tests of other runtimes share."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from support.paths import ROOT


@pytest.fixture(scope="module")
def frame() -> NDArray[np.uint8]:
    """Part of a photograph of odd height and width, so that padding and cropping are at work."""
    picture = cv2.imread(str(ROOT / "samples" / "chelsea.webp"))
    assert picture is not None
    return np.ascontiguousarray(picture[30:151, 60:257], np.uint8)
