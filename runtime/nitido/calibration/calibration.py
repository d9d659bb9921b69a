"""A camera's noise, and the file for it."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nitido.errors import NitidoError
from nitido.frames import Frame
from nitido.system.files import write_whole

VERSION = 1
COMPONENTS = ("luma", "cb", "cr")


@dataclass(frozen=True)
class Calibration:
    """Noise of a camera at one setting, in 8-bit levels of full-range BT.601.

    source: what was measured.
    frames: how many frames were used.
    size: width and height of the frames in pixels.
    level: standard deviation of luma noise over the whole scene, the value for ``--noise``.
    brightness, deviation: the curve: mean luma 0..255 and standard deviation of luma noise, of equal length, by
    brightness.
    colour: standard deviations of the noise of Cb and Cr, relative to that of luma.
    correlation: for luma, Cb and Cr the correlation of the noise of pixels that are dy rows and dx columns apart, with
    dy 0..R and dx -R..R, as R+1 rows of 2R+1 numbers; 1 at dy 0, dx 0.
    steady: share of the variance that consecutive frames have in common, for example after a video codec.
    pairs: name of a folder next to the file with frames NAME_real and their means NAME_mean, or empty.
    """

    source: str
    frames: int
    size: tuple[int, int]
    level: float
    brightness: tuple[float, ...]
    deviation: tuple[float, ...]
    colour: tuple[float, float]
    correlation: tuple[tuple[tuple[float, ...], ...], ...]
    steady: float = 0.0
    pairs: str = ""

    def deviation_at(self, luma: NDArray[Any]) -> NDArray[np.float32]:
        """The standard deviation of luma noise at each luma 0..255; outside the measured range, that of the nearest
        luma."""
        return np.interp(luma, self.brightness, self.deviation).astype(np.float32)

    def level_of(self, frame: Frame) -> float:
        """The noise level of a frame H×W×3, or N×H×W×3, uint8 BGR, of this camera, from the brightness of its
        pixels."""
        grey = cv2.cvtColor(frame.reshape(-1, *frame.shape[-2:]), cv2.COLOR_BGR2GRAY)
        counts = np.bincount(np.asarray(grey).reshape(-1), minlength=256)
        return math.sqrt(float(counts @ self.deviation_at(np.arange(256)) ** 2) / counts.sum())

    def correlation_of(self, component: str, down: int, across: int) -> float:
        """The correlation of the noise of pixels at that distance. component: one of ``COMPONENTS``."""
        table = self.correlation[COMPONENTS.index(component)]
        if down < 0:
            down, across = -down, -across
        return table[down][across + len(table[0]) // 2]


def save_calibration(calibration: Calibration, path: Path) -> None:
    """Writes a calibration as JSON, atomically. Raises ``SinkUnavailable``."""
    content = {"nitido_calibration": VERSION, **asdict(calibration)}
    write_whole(path, (json.dumps(content, indent=1) + "\n").encode())


def load_calibration(path: Path) -> Calibration:
    """Reads a file of :func:`save_calibration`. Raises ``NitidoError``."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise NitidoError(f"no such file: {path}; 'nitido calibrate' writes calibrations") from error
    except (OSError, ValueError) as error:
        raise NitidoError(f"{path} is not a calibration: expected JSON of 'nitido calibrate', found {error}") from error
    if not isinstance(content, dict) or content.pop("nitido_calibration", None) != VERSION:
        raise NitidoError(f"{path} is not a calibration of version {VERSION}; write it again with 'nitido calibrate'")
    try:
        found = Calibration(**{name: _tuples(value) for name, value in content.items()})
        _check(found)
    except (TypeError, ValueError) as error:
        raise NitidoError(
            f"{path} is a damaged calibration ({error}); write it again with 'nitido calibrate'"
        ) from error
    return found


def _tuples(value: Any) -> Any:
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value


def _check(found: Calibration) -> None:
    numbers = [found.level, *found.brightness, *found.deviation, *found.colour]
    if not all(isinstance(number, int | float) and math.isfinite(number) and number >= 0 for number in numbers):
        raise ValueError("a number is missing, negative or not finite")
    if not found.brightness or len(found.brightness) != len(found.deviation):
        raise ValueError("the curve has as many brightnesses as deviations, and at least one")
    if list(found.brightness) != sorted(found.brightness):
        raise ValueError("the curve goes from dark to bright")
    rows = {len(table) for table in found.correlation}
    columns = {len(row) for table in found.correlation for row in table}
    if len(found.correlation) != len(COMPONENTS) or len(rows) != 1 or columns != {2 * rows.pop() - 1}:
        raise ValueError("correlation has three tables of R+1 rows of 2R+1 numbers")
