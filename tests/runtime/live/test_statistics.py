"""What a live run counts, by moments that the test gives."""

from __future__ import annotations

import pytest

from nitido.live.ladder import percentile_95
from nitido.live.statistics import DurationHistogram, LiveStatistics


def show(statistics: LiveStatistics, *moments: float, delay: float = 0.02, rung: str = "m") -> None:
    for moment in moments:
        statistics.add(now=moment, delay=delay, busy=delay / 2, rung=rung)


def test_frames_per_second_are_those_of_the_last_seconds() -> None:
    statistics = LiveStatistics()
    assert statistics.fps == 0
    show(statistics, 0.0)
    assert statistics.fps == 0
    show(statistics, *(i / 10 for i in range(1, 51)))
    assert statistics.fps == pytest.approx(10)
    show(statistics, *(5 + i / 50 for i in range(1, 201)))
    assert statistics.fps == pytest.approx(50)
    assert statistics.seconds == pytest.approx(9)


def test_the_delay_shown_is_that_of_the_last_frames() -> None:
    statistics = LiveStatistics()
    assert statistics.recent == (0, 0)
    show(statistics, 0.0, 0.1, delay=3.0)
    show(statistics, *(i / 10 for i in range(2, 62)), delay=0.02)
    assert statistics.recent == (0.02, 0.02)
    show(statistics, *(6.2 + i / 10 for i in range(5)), delay=0.5)
    assert statistics.recent == (0.02, 0.5)


def test_the_report_is_of_the_whole_run() -> None:
    statistics = LiveStatistics()
    show(statistics, *(i / 10 for i in range(11)), delay=0.04)
    show(statistics, *(1 + i / 10 for i in range(1, 11)), delay=0.08, rung="m.int8")
    report = statistics.report(captured=30, dropped=7, skipped=2, changes=(), reconnects=1, ended="stopped")
    assert (report.shown, report.rungs) == (21, {"m": 11, "m.int8": 10})
    assert (report.seconds, report.fps) == (pytest.approx(2), pytest.approx(10))
    assert (report.p50_ms, report.p95_ms) == (pytest.approx(40, rel=0.011), pytest.approx(80, rel=0.011))
    assert (report.busy_p50_ms, report.busy_p95_ms) == (pytest.approx(20, rel=0.011), pytest.approx(40, rel=0.011))
    assert report.line().startswith("21 of 30 frames shown, 7 dropped, 2 skipped, 10.0 fps, p50 40 ms, p95 8")
    assert report.line().endswith("0 ladder changes, 1 reconnect; stopped")


def test_percentiles_of_window_and_of_a_whole_run() -> None:
    assert percentile_95([*range(1, 21)]) == 19
    assert percentile_95([5]) == 5
    spread = DurationHistogram()
    assert spread.percentile(0.95) == 0
    for milliseconds in range(1, 1001):
        spread.add(milliseconds / 1000)
    assert spread.percentile(0.5) == pytest.approx(0.5, rel=0.011)
    assert spread.percentile(0.95) == pytest.approx(0.95, rel=0.011)
