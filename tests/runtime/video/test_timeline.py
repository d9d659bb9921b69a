"""Time stamps of files that count in ways of their own."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest

from nitido.video.timeline import Timeline

BASE = Fraction(1, 100)
VIDEO, SOUND, WORDS = (SimpleNamespace(index=i, type=t) for i, t in enumerate(("video", "audio", "subtitle")))


def container(name: str, begins: float = 0.0) -> Any:
    return SimpleNamespace(format=SimpleNamespace(name=name), start_time=round(begins * 1_000_000))


def placed(timeline: Timeline, *packets: tuple[Any, float]) -> list[float]:
    """Seconds at which packets of 0.1 s belong that say (stream, seconds)."""
    found: list[float] = []
    for stream, at in packets:
        packet = SimpleNamespace(stream=stream, pts=round(at * 100), dts=round(at * 100), duration=10, time_base=BASE)
        timeline.place(packet)
        found.append(packet.pts / 100)
    return found


def test_mpeg_streams_begin_at_nothing() -> None:
    timeline = Timeline(container("mpegts", 3600.5), VIDEO)
    assert timeline.start == 0
    assert placed(timeline, (SOUND, 3600.5), (VIDEO, 3600.6), (SOUND, 3600.6)) == pytest.approx([0, 0.1, 0.1])


def test_other_files_are_left_as_they_are() -> None:
    timeline = Timeline(container("mov,mp4,m4a,3gp,3g2,mj2", 2.0), VIDEO)
    assert timeline.start == 2.0
    assert placed(timeline, (VIDEO, 2.0), (VIDEO, 1.0), (VIDEO, 700.0)) == [2.0, 1.0, 700.0]


def test_joined_recordings_follow_each_other_and_stay_in_step() -> None:
    timeline = Timeline(container("mpegts", 1.0), VIDEO)
    packets = [
        (VIDEO, 1.0),
        (SOUND, 1.0),
        (VIDEO, 1.1),
        (VIDEO, 1.0),
        (SOUND, 1.1),
        (SOUND, 1.0),
        (WORDS, 1.0),
        (VIDEO, 1.1),
    ]
    assert placed(timeline, *packets) == pytest.approx([0, 0, 0.1, 0.2, 0.1, 0.2, 0.2, 0.3])


def test_a_pause_stays_a_pause() -> None:
    timeline = Timeline(container("mpegts"), VIDEO)
    assert placed(timeline, (VIDEO, 0.0), (VIDEO, 60.0)) == [0.0, 60.0]
    assert placed(timeline, (VIDEO, 7200.0)) == pytest.approx([60.1])


def test_an_avi_begins_with_its_first_picture() -> None:
    timeline = Timeline(container("avi"), VIDEO)
    packet = SimpleNamespace(stream=VIDEO, pts=4, dts=0, duration=4, time_base=BASE)
    timeline.place(packet)
    assert (packet.pts, packet.dts) == (0, -4)
    assert placed(timeline, (SOUND, 0.5), (VIDEO, 0.5)) == pytest.approx([0.5, 0.46])
