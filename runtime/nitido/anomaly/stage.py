"""An inspector in the live loop: it draws heat on every frame and reports the results."""

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

    index: its number in the source, from 0.
    inspection: its result.
    anomalous: the verdict after ``steady`` frames with the same result.
    changed: whether the verdict differs from the one before.
    drift: result of the drift test; ``None`` without one, or before its window is full.
    drift_changed: whether the drift alarm went on or off.
    """

    index: int
    inspection: Inspection
    anomalous: bool
    changed: bool
    drift: Drift | None = None
    drift_changed: bool = False


class InspectionStage:
    """Inspects frames and returns them in the same size with their heat drawn on them.

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
        self._anomalous: bool | None = None  # no verdict yet
        self._last_found, self._agreeing = False, 0

    def warm_up(self, height: int, width: int, controls: Controls) -> None:
        """Inspects a black frame without reporting it."""
        self._inspector(np.zeros((height, width, 3), np.uint8))

    def __call__(self, captured: Captured, controls: Controls) -> Restored:
        """The frame with its result drawn on it. With bypass, the unchanged frame, which is not inspected."""
        if controls.bypass:
            return Restored(captured.frame, BYPASS)
        inspection = self._inspector(captured.frame)
        self.seen += 1
        self.anomalies += inspection.anomalous
        self._report(self._sighting(captured.index, inspection))
        return Restored(draw_heatmap(captured.frame, inspection), self.name)

    def observe(self, busy: float, now: float) -> Change | None:
        """Does nothing: a threshold is only valid for the full size, so lighter work is not possible."""

    def _sighting(self, index: int, inspection: Inspection) -> Sighting:
        found = inspection.anomalous
        self._agreeing = self._agreeing + 1 if found == self._last_found else 1
        self._last_found = found
        changed = found != self._anomalous and self._agreeing >= self._steady
        if changed:
            self._anomalous = found
        return Sighting(index, inspection, bool(self._anomalous), changed, *self._drifted(inspection.score))

    def _drifted(self, score: float) -> tuple[Drift | None, bool]:
        """The result of the drift test after a score, and whether its alarm went on or off."""
        if self._drift is None:
            return None, False
        before = self._drift.alarm
        drift = self._drift.add(score)
        return drift, self._drift.alarm != before
