"""The ladder on simulated time: when it steps down, and when up again."""

from __future__ import annotations

from itertools import pairwise

import pytest

from nitido.live.ladder import Change, Ladder, Rung, plan_rungs

RUNGS = plan_rungs(["m", "m.int8"])
NAMES = ["m", "m.int8", "m.int8 half size", "m.int8 half size every 2nd frame", "passthrough"]


class Bench:
    """A ladder whose rungs cost what the test says, at 30 frames per second of simulated time."""

    def __init__(self, ladder: Ladder, cost: dict[str, float]) -> None:
        self.ladder, self.cost, self.now = ladder, cost, 0.0
        self.changes: list[Change] = []

    def run(self, seconds: float) -> list[str]:
        """Goes on for so long; the names of the rungs stepped onto."""
        until, first = self.now + seconds, len(self.changes)
        while self.now < until:
            rung = self.ladder.rung
            busy = self.cost[rung.name]
            self.now += max(busy, rung.every / 30)
            change = self.ladder.observe(busy, self.now)
            if change:
                self.changes.append(change)
        return [change.after for change in self.changes[first:]]


def costs(*milliseconds: float) -> dict[str, float]:
    return {name: ms / 1000 for name, ms in zip(NAMES, milliseconds, strict=True)}


def test_the_rungs_are_variants_then_half_size_then_every_second_frame_then_nothing() -> None:
    assert [rung.name for rung in RUNGS] == NAMES
    assert [rung.variant for rung in RUNGS] == [0, 1, 1, 1, None]
    assert [rung.half for rung in RUNGS] == [False, False, True, True, False]
    assert [rung.every for rung in RUNGS] == [1, 1, 1, 2, 1]
    assert [rung.name for rung in plan_rungs(["up"], halving=False)] == ["up", "up every 2nd frame", "passthrough"]


def test_models_that_remember_run_at_half_size_before_models_that_do_not() -> None:
    rungs = plan_rungs(["live", "live.int8", "still", "still.int8"], recurrent=2)
    assert [(rung.name, rung.variant, rung.half) for rung in rungs] == [
        ("live", 0, False),
        ("live.int8", 1, False),
        ("live.int8 half size", 1, True),
        ("still.int8 half size", 3, True),
        ("still.int8 half size every 2nd frame", 3, True),
        ("passthrough", None, False),
    ]
    alone = plan_rungs(["live"], recurrent=1)
    assert [rung.name for rung in alone] == ["live", "live half size", "live half size every 2nd frame", "passthrough"]


def test_what_fits_stays_on_the_best_rung() -> None:
    assert Bench(Ladder(RUNGS, 1 / 30), costs(30, 20, 8, 8, 0)).run(60) == []


def test_overload_steps_down_only_as_far_as_needed() -> None:
    bench = Bench(Ladder(RUNGS, 1 / 30), costs(80, 50, 25, 25, 0))
    assert bench.run(3) == NAMES[1:3]
    assert all(change.down and change.p95 > change.budget for change in bench.changes)
    assert bench.changes[0].line() == "down: m -> m.int8 (p95 80.0 ms > 33.3 ms)"


def test_every_second_frame_has_twice_the_time_and_hopeless_load_ends_in_passthrough() -> None:
    assert Bench(Ladder(RUNGS, 1 / 30), costs(200, 100, 60, 60, 0)).run(3) == NAMES[1:4]
    assert Bench(Ladder(RUNGS, 1 / 30), costs(900, 900, 900, 900, 0)).run(20)[:4] == NAMES[1:]


def test_a_hopeless_first_rung_is_left_after_a_handful_of_frames() -> None:
    ladder = Ladder(RUNGS, 1 / 30)
    changes = [ladder.observe(0.5, i / 2) for i in range(5)]
    assert changes[:4] == [None] * 4 and changes[4] is not None


def test_one_slow_frame_in_twenty_is_forgiven_and_two_are_not() -> None:
    ladder = Ladder(RUNGS, 1 / 30)
    busy = [0.02] * 19 + [0.5]
    assert [ladder.observe(b, i / 30) for i, b in enumerate(busy * 3)] == [None] * 60
    ladder = Ladder(RUNGS, 1 / 30)
    moved = [ladder.observe(b, i / 30) for i, b in enumerate([0.02] * 18 + [0.5, 0.5])]
    assert moved[-1] is not None and moved[-1].after == "m.int8"


def test_it_goes_back_up_when_the_load_goes_and_not_before_its_patience() -> None:
    bench = Bench(Ladder(RUNGS, 1 / 30), costs(80, 60, 25, 25, 0))
    bench.run(3)
    fell = bench.now
    bench.cost = costs(20, 12, 5, 5, 0)
    assert bench.run(10) == ["m.int8", "m"]
    up = bench.changes[-2:]
    assert up[0].at > fell and up[1].at - up[0].at >= 2.0
    assert not up[0].down and up[0].p95 <= 0.7 * up[0].budget


def test_a_rung_that_fails_again_and_again_is_tried_ever_less_often() -> None:
    bench = Bench(Ladder(RUNGS[:3], 1 / 30, longest=30.0), costs(80, 50, 10, 10, 0))
    bench.run(300)
    tries = [change.at for change in bench.changes if not change.down]
    gaps = [b - a for a, b in pairwise(tries)]
    assert gaps[0] == pytest.approx(4.0, abs=1) and gaps[1] == pytest.approx(8.0, abs=1)
    assert max(gaps) < 32 and len(tries) < 15


def test_a_rung_that_lasted_is_tried_soon_again_after_the_next_overload() -> None:
    bench = Bench(Ladder(RUNGS[:2], 1 / 30), costs(80, 10, 5, 5, 0))
    bench.run(25)  # its patience has grown
    bench.cost = costs(20, 10, 5, 5, 0)
    bench.run(40)
    assert bench.ladder.rung.name == "m"
    bench.cost = costs(80, 10, 5, 5, 0)
    bench.run(1)
    fell = bench.changes[-1].at
    bench.run(4)
    assert not bench.changes[-2].down or not bench.changes[-1].down
    assert next(change.at for change in bench.changes if not change.down and change.at > fell) - fell < 3.0


def test_time_that_is_just_enough_is_not_a_reason_to_go_up() -> None:
    bench = Bench(Ladder(RUNGS[:2], 1 / 30), costs(80, 30, 0, 0, 0))
    assert bench.run(60) == ["m.int8"]


def test_a_ladder_needs_rungs_and_a_deadline() -> None:
    with pytest.raises(ValueError, match="at least one rung"):
        Ladder([], 0.1)
    with pytest.raises(ValueError, match="deadline"):
        Ladder([Rung("m", 0)], 0.0)
