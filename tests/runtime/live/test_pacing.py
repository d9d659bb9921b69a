"""Frames that come at any time, for a sink that plays them at a fixed rate."""

from __future__ import annotations

from nitido.live.pacing import PacedWriter, Pacer
from support.live_fakes import ListSink, frame


def test_frames_that_come_late_are_made_up_by_repeats_and_those_too_soon_left_out() -> None:
    line = Pacer(10)
    assert [line.copies(t) for t in (5.0, 5.1, 5.2, 5.5, 5.54, 5.6)] == [1, 1, 1, 3, 0, 1]


def test_a_long_gap_is_closed_up() -> None:
    line = Pacer(10, longest_gap=2.0)
    assert [line.copies(t) for t in (0.0, 0.1, 60.0, 60.1, 60.2)] == [1, 1, 1, 1, 1]


def test_missing_moments_are_filled_with_the_frame_that_was_shown_then() -> None:
    sink = ListSink()
    writer = PacedWriter(sink, Pacer(10))
    for value, moment in ((1, 0.0), (2, 0.1), (3, 0.5), (4, 0.52)):
        writer.write(frame(value), moment)
    assert sink.values == [1, 2, 2, 2, 2, 3]
