"""An inspector in the live loop: every frame is shown with its heat on it, and what was found is reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nitido.anomaly.drift import Drift, DriftTest
from nitido.anomaly.heatmap import draw_heatmap
from nitido.anomaly.inspector import Inspection, Inspector
from nitido.live.ladder import Change
from nitido.live.stage import BYPASS, Restored
from nitido.live.state import Captured, Controls


@dataclass(frozen=True)
class Sighting:
    """One inspected frame.

    index: its place in the source, from 0.
    inspection: what was found in it.
    anomalous: the verdict after ``steady`` frames that agree.
    changed: the verdict is another one than before.
    drift: what the drift test says; ``None`` without one, or before its window is full.
    drift_changed: the drift alarm went on or off.
    """

    index: int
    inspection: Inspection
    anomalous: bool
    changed: bool
    drift: Drift | None = None
    drift_changed: bool = False


class InspectionStage:
    """Inspects frames and returns them with their heat on them, as large as they came.

    steady: frames in a row that must agree before the verdict changes.
    report: called with every sighting, in the thread that inspects.
    drift: test that gets every score.
    seen, anomalies: frames inspected so far, and how many of them are anomalies.
    """

    def __init__(
        self,
        inspector: Inspector,
        report: Callable[[Sighting], None],
        *,
        steady: int = 1,
        drift: DriftTest | None = None,
    ) -> None:
        self._inspector, self._report, self._steady, self._drift = inspector, report, steady, drift
        self.name = inspector.reconstruction.path.stem
        self.device = inspector.reconstruction.device
        self.seen = self.anomalies = 0
        self._anomalous: bool | None = None  # nothing is known yet
        self._last_found, self._agreeing = False, 0

    def warm_up(self, height: int, width: int, controls: Controls) -> None:
        """Inspects a black frame, which nobody hears of."""
        self._inspector(np.zeros((height, width, 3), np.uint8))

    def __call__(self, captured: Captured, controls: Controls) -> Restored:
        """The frame with what was found in it; under bypass the frame as it came, which is not inspected."""
        if controls.bypass:
            return Restored(captured.frame, BYPASS)
        inspection = self._inspector(captured.frame)
        self.seen += 1
        self.anomalies += inspection.anomalous
        self._report(self._sighting(captured.index, inspection))
        return Restored(draw_heatmap(captured.frame, inspection), self.name)

    def observe(self, busy: float, now: float) -> Change | None:
        """Does nothing: a threshold holds for the full size, so lighter work is not possible."""

    def _sighting(self, index: int, inspection: Inspection) -> Sighting:
        found = inspection.anomalous
        self._agreeing = self._agreeing + 1 if found == self._last_found else 1
        self._last_found = found
        changed = found != self._anomalous and self._agreeing >= self._steady
        if changed:
            self._anomalous = found
        return Sighting(index, inspection, bool(self._anomalous), changed, *self._drifted(inspection.score))

    def _drifted(self, score: float) -> tuple[Drift | None, bool]:
        """What the drift test says after a score, and whether its alarm went on or off."""
        if self._drift is None:
            return None, False
        before = self._drift.alarm
        drift = self._drift.add(score)
        return drift, self._drift.alarm != before
