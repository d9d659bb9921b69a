"""Statistics of a live run, for the overlay and for the report at the end."""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from typing import Any

from nitido.live.ladder import Change, percentile_95
from nitido.wording import count

_RECENT = 60  # frames for the p50 and p95 on the screen
_FPS_SPAN = 3.0  # seconds for the fps on the screen
_FLOOR, _STEP = 1e-5, math.log(1.01)  # histogram: from 10 µs in steps of 1 %


@dataclass(frozen=True)
class LiveReport:
    """The report of a live run.

    captured, shown: frames. dropped: replaced by a newer one before they were processed or shown. skipped: left out by
    the ladder's rung for every second frame. seconds: from the first to the last frame shown. fps: shown per second.
    p50_ms, p95_ms: from capture to shown. busy_p50_ms, busy_p95_ms: the restoration alone. changes: of the ladder.
    rungs: frames restored per rung. reconnects: of the source. ended: why, such as ``source ended`` or ``stopped``.
    """

    captured: int
    shown: int
    dropped: int
    skipped: int
    seconds: float
    fps: float
    p50_ms: float
    p95_ms: float
    busy_p50_ms: float
    busy_p95_ms: float
    changes: tuple[Change, ...] = ()
    rungs: dict[str, int] = field(default_factory=dict)
    reconnects: int = 0
    ended: str = ""

    def line(self) -> str:
        """The report as one line."""
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return (
            f"{self.shown} of {count(self.captured, 'frame')} shown, {self.dropped} dropped{skipped}, "
            f"{self.fps:.1f} fps, p50 {self.p50_ms:.0f} ms, p95 {self.p95_ms:.0f} ms, "
            f"{count(len(self.changes), 'ladder change')}, {count(self.reconnects, 'reconnect')}; {self.ended}"
        )

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values for JSON."""
        return asdict(self)


class DurationHistogram:
    """Percentiles of any number of durations in constant memory, to 1 %."""

    def __init__(self) -> None:
        self._bins: Counter[int] = Counter()

    def add(self, seconds: float) -> None:
        """Adds a duration in seconds; less than 10 µs counts as 10 µs."""
        self._bins[round(math.log(max(seconds, _FLOOR) / _FLOOR) / _STEP)] += 1

    def percentile(self, share: float) -> float:
        """The duration in seconds that a ``share`` (0..1) of all durations does not exceed; 0 without durations."""
        left = math.ceil(share * self._bins.total())
        for place in sorted(self._bins):
            left -= self._bins[place]
            if left <= 0:
                return _FLOOR * math.exp(place * _STEP)
        return 0.0


class LiveStatistics:
    """Counts every shown frame. For one thread."""

    def __init__(self) -> None:
        self.shown = 0
        self.delay, self.busy = DurationHistogram(), DurationHistogram()
        self.rungs: Counter[str] = Counter()
        self._recent: deque[float] = deque(maxlen=_RECENT)
        self._times: deque[float] = deque()
        self._first: float | None = None

    def add(self, *, now: float, delay: float, busy: float, rung: str) -> None:
        """Call when a frame was shown at ``now``, ``delay`` seconds after its capture, after ``busy`` seconds of
        work."""
        self.shown += 1
        self.delay.add(delay)
        self.busy.add(busy)
        self.rungs[rung] += 1
        self._recent.append(delay)
        self._first = now if self._first is None else self._first
        self._times.append(now)
        while now - self._times[0] > _FPS_SPAN:
            self._times.popleft()

    def report(
        self,
        *,
        captured: int,
        dropped: int,
        skipped: int,
        changes: tuple[Change, ...],
        reconnects: int,
        ended: str,
    ) -> LiveReport:
        """The report of the whole run, including the counts of others."""
        return LiveReport(
            captured=captured,
            shown=self.shown,
            dropped=dropped,
            skipped=skipped,
            seconds=self.seconds,
            fps=(self.shown - 1) / self.seconds if self.seconds > 0 else 0.0,
            p50_ms=1000 * self.delay.percentile(0.5),
            p95_ms=1000 * self.delay.percentile(0.95),
            busy_p50_ms=1000 * self.busy.percentile(0.5),
            busy_p95_ms=1000 * self.busy.percentile(0.95),
            changes=changes,
            rungs=dict(self.rungs),
            reconnects=reconnects,
            ended=ended,
        )

    @property
    def fps(self) -> float:
        """Frames per second over the last seconds; 0 before there are two."""
        span = self._times[-1] - self._times[0] if self._times else 0.0
        return (len(self._times) - 1) / span if span > 0 else 0.0

    @property
    def recent(self) -> tuple[float, float]:
        """p50 and p95 of the delay in seconds over the last frames."""
        if not self._recent:
            return 0.0, 0.0
        return sorted(self._recent)[len(self._recent) // 2], percentile_95(self._recent)

    @property
    def seconds(self) -> float:
        """From the first to the last frame shown."""
        return self._times[-1] - self._first if self._first is not None else 0.0
