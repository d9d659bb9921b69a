"""An inspector in the live loop."""

from __future__ import annotations

from pathlib import Path

from nitido.anomaly.inspector import open_inspector
from nitido.anomaly.stage import InspectionStage, Sighting
from nitido.live.state import Captured, Controls
from support.anomaly_models import faulty_picture, good_picture


def test_a_verdict_changes_when_frames_agree(part: Path) -> None:
    marks = "..x.xx.x..xxx"
    told: list[Sighting] = []
    stage = InspectionStage(open_inspector(part, "cpu"), told.append, steady=2)
    stage.warm_up(*good_picture().shape[:2], Controls())
    assert not told and stage.seen == 0  # a black frame is an anomaly, but nobody's
    for index, mark in enumerate(marks):
        frame = faulty_picture() if mark == "x" else good_picture()
        result = stage(Captured(frame, index, float(index)), Controls())
        assert result.frame.shape == frame.shape and result.rung == stage.name
    assert [sighting.index for sighting in told] == list(range(len(marks)))
    assert "".join("x" if sighting.anomalous else "." for sighting in told) == ".....xxxx..xx"
    assert [sighting.index for sighting in told if sighting.changed] == [1, 5, 9, 11]
    assert (stage.seen, stage.anomalies) == (13, marks.count("x"))


def test_a_bypassed_frame_is_not_inspected(part: Path) -> None:
    told: list[Sighting] = []
    stage, controls = InspectionStage(open_inspector(part, "cpu"), told.append), Controls()
    controls.bypass = True
    frame = faulty_picture()
    assert stage(Captured(frame, 0, 0.0), controls).frame is frame and not told
