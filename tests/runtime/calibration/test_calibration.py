"""The file of a calibration, and its plot."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from nitido.calibration.calibration import Calibration, load_calibration, save_calibration
from nitido.calibration.plot import plot_svg
from nitido.errors import NitidoError

ROWS = tuple(tuple(1.0 if (down, across) == (0, 2) else 0.1 for across in range(5)) for down in range(3))
FOUND = Calibration("cam <0>", 30, (64, 48), 3.0, (20.0, 200.0), (2.0, 4.0), (0.8, 0.5), (ROWS, ROWS, ROWS))


def test_what_is_saved_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cam.json"
    save_calibration(FOUND, path)
    assert load_calibration(path) == FOUND
    save_calibration(replace(FOUND, pairs="cam.frames"), path)
    assert load_calibration(path).pairs == "cam.frames"


def test_the_level_of_a_frame_follows_its_brightness() -> None:
    frames = [np.full((8, 8, 3), value, np.uint8) for value in (0, 20, 110, 200, 255)]
    assert [FOUND.level_of(frame) for frame in frames] == pytest.approx([2, 2, 3, 4, 4])
    both = np.stack([frames[1], frames[3]])
    assert FOUND.level_of(both) == pytest.approx(np.sqrt((4 + 16) / 2))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"nitido_calibration": 2}, "not a calibration of version 1"),
        ({"level": -1}, "damaged"),
        ({"level": float("nan")}, "damaged"),
        ({"brightness": [200, 20]}, "from dark to bright"),
        ({"deviation": [1]}, "as many brightnesses"),
        ({"deviation": []}, "as many brightnesses"),
        ({"correlation": [[[1]]]}, "three tables"),
        ({"unknown": 1}, "damaged"),
        ({"colour": "red"}, "damaged"),
    ],
)
def test_a_damaged_file_is_reported(change: dict[str, object], said: str, tmp_path: Path) -> None:
    path = tmp_path / "cam.json"
    save_calibration(FOUND, path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(NitidoError, match=said):
        load_calibration(path)


def test_a_file_of_something_else_is_reported(tmp_path: Path) -> None:
    with pytest.raises(NitidoError, match="no such file"):
        load_calibration(tmp_path / "none.json")
    for content in (b"", b"[1]", b"\xff\xfe", b"{}"):
        (tmp_path / "a.json").write_bytes(content)
        with pytest.raises(NitidoError, match="is not a calibration"):
            load_calibration(tmp_path / "a.json")


@pytest.mark.parametrize("scale", [0.001, 1.0, 40.0])
def test_the_plot_is_a_picture(scale: float) -> None:
    scaled = replace(FOUND, deviation=tuple(scale * value for value in FOUND.deviation))
    root = ElementTree.fromstring(plot_svg(scaled))
    lines = root.findall(".//{*}polyline")
    assert len(lines) == 6
    for line in lines:
        for point in line.attrib["points"].split():
            x, y = (float(part) for part in point.split(","))
            assert 50 <= x <= 840 and 45 <= y <= 325
    assert any("cam <0>" in (text.text or "") for text in root.findall(".//{*}text"))
