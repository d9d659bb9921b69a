"""Status line and split view."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nitido.live.overlay import compose
from nitido.live.state import Shot, Status
from support.live_fakes import frame

SHOT = Shot(frame(40, (320, 200)), frame(90, (320, 200)), 7, 0.0, 0.0, "m")
STATUS = Status(24.9, 12.4, 20.1, 50, 45, 5, "denoise-n", (320, 200), 1.0, False)


def test_the_split_view_is_before_on_the_left_and_after_on_the_right() -> None:
    view = compose(SHOT, None, split=True)
    assert view[60, 10].tolist() == [40] * 3 and view[60, 310].tolist() == [90] * 3
    assert view[60, 160].tolist() == [255] * 3
    assert SHOT.after[60, 10].tolist() == [90] * 3  # the result itself is not drawn on
    assert compose(SHOT, None, split=False) is SHOT.after


def test_a_small_frame_next_to_its_enlargement_is_split_at_the_same_place() -> None:
    shot = Shot(frame(40, (160, 100)), frame(90, (320, 200)), 0, 0.0, 0.0, "m")
    assert compose(shot, None, split=True)[60, 150].tolist() == [40] * 3


@pytest.mark.parametrize("size", [(320, 200), (16, 12), (3, 2)])
def test_the_status_is_drawn_at_the_top_only_and_fits_any_frame(size: tuple[int, int]) -> None:
    shot = Shot(frame(40, size), frame(90, size), 0, 0.0, 0.0, "m")
    view = compose(shot, STATUS, split=True)
    assert view.shape == shot.after.shape
    if size[1] == 200:
        plain = compose(shot, STATUS, split=False)
        assert plain[:20].max() > 200 and (plain[60:] == 90).all()


def test_the_status_line_says_what_matters() -> None:
    assert STATUS.line() == "24.9 fps  p50 12 ms  p95 20 ms  5 dropped  denoise-n"
    assert STATUS.line().isascii()
    remembers = replace(STATUS, past=0.834, noise=4.2)
    assert remembers.line().endswith("denoise-n  noise 4.2  past 83 %") and remembers.line().isascii()
    assert "past" not in replace(remembers, bypass=True).line()
