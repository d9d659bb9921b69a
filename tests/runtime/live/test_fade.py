"""Changes to and from passthrough take a few frames, without a model and without a ghost."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nitido.frames import Frame
from nitido.live.fade import FRAMES
from nitido.live.stage import LadderStage
from nitido.live.state import Captured, Controls
from support.live_fakes import FakeModel, fake_model, frame

SLOW, FAST, BUDGET = 0.5, 0.001, 0.1
STEP = 60  # levels that the model adds


def brighten(item: Frame) -> None:
    item += np.uint8(STEP - 1)  # the fake adds the last


class Run:
    """A stage whose frames take as long as the test says."""

    def __init__(self, stage: LadderStage) -> None:
        self.stage, self.controls, self.now, self.index = stage, Controls(), 0.0, 0

    def step(self, value: int, busy: float) -> tuple[str, int] | None:
        """(rung, grey) of the result for a frame of one grey; ``None``: left out."""
        return self.show(frame(value), busy, lambda result: int(result[0, 0, 0]))

    def show(self, given: Frame, busy: float, look: Callable[[Frame], int]) -> tuple[str, int] | None:
        self.now += max(busy, BUDGET)
        self.index += 1
        found = self.stage(Captured(given.copy(), self.index, self.now), self.controls)
        if found is None:
            return None
        self.stage.observe(busy, self.now)
        return found.rung, look(found.frame)

    def until(self, rung: str, busy: float, value: int = 100) -> None:
        """Goes on until the next frame gets that rung."""
        ladder = self.stage._ladder
        assert ladder is not None
        for _ in range(1000):
            if ladder.rung.name == rung:
                return
            self.step(value, busy)
        pytest.fail(f"never came to {rung}")


def stage(model: FakeModel | None = None) -> LadderStage:
    return LadderStage([fake_model(brighten) if model is None else model], fps=1 / BUDGET)  # pyright: ignore[reportArgumentType]


def test_a_model_fades_in_after_passthrough_with_each_frames_own_pixels() -> None:
    run = Run(stage())
    run.until("passthrough", SLOW)
    run.until("fake half size every 2nd frame", FAST)
    values = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150, 160]
    shown = [(value, found[1]) for value in values if (found := run.step(value, FAST))]
    assert len(shown) == len(values) // 2
    shares = [(result - value) / STEP for value, result in shown]
    expected = [min(1.0, number / (FRAMES + 1)) for number in range(1, len(shown) + 1)]
    assert np.allclose(shares, expected, atol=1 / STEP)


def test_a_denoiser_fades_out_into_passthrough_without_being_run() -> None:
    model = FakeModel()
    run = Run(stage(model))
    run.until("passthrough", SLOW)
    calls, noise = model.calls, np.random.default_rng(0)
    spreads: list[int] = []
    for value in (60, 90, 120, 150, 180, 60, 90):
        noisy = np.clip(noise.normal(value, 16, (48, 64, 3)), 0, 255).astype(np.uint8)
        found = run.show(noisy, FAST, lambda result: int(10 * result.std()))
        assert found and found[0] == "passthrough"
        spreads.append(found[1])
    assert model.calls == calls
    assert spreads[0] < 90 and spreads[:FRAMES] == sorted(spreads[:FRAMES])  # noise comes back step by step
    assert all(150 < spread < 170 for spread in spreads[FRAMES:])


def test_only_this_frame_is_in_a_result() -> None:
    run = Run(stage())
    run.until("passthrough", SLOW, value=200)
    assert [run.step(value, FAST) for value in (0, 50, 0, 50)] == [("passthrough", v) for v in (0, 50, 0, 50)]


def test_bypass_is_at_once() -> None:
    run = Run(stage())
    run.until("passthrough", SLOW)
    run.until("fake half size every 2nd frame", FAST)
    run.controls.bypass = True
    assert run.step(30, FAST) == ("bypass", 30)
    run.controls.bypass = False
    assert {found[1] for value in (30, 30) if (found := run.step(value, FAST))} == {30 + STEP}


def test_without_a_rate_nothing_fades() -> None:
    given = LadderStage([fake_model(brighten)])
    run = Run(given)
    assert [run.step(10, SLOW) for _ in range(30)] == [("fake", 10 + STEP)] * 30


def test_an_upscaler_fades_in_at_its_own_size() -> None:
    model = FakeModel()
    model.card.scale, model.card.task = 2, "upscale"
    model_call = FakeModel.__call__
    enlarging = type("Enlarging", (FakeModel,), {"__call__": lambda self, f, *, strength=1.0: np.repeat(
        np.repeat(model_call(self, f, strength=strength), 2, 0), 2, 1)})()  # fmt: skip
    enlarging.card = model.card
    run = Run(stage(enlarging))
    run.until("passthrough", SLOW)
    assert run.step(80, FAST) == ("passthrough", 80)
    run.until("fake every 2nd frame", FAST)
    sizes = [found[1] for _ in range(4) if (found := run.show(frame(80), FAST, lambda result: result.shape[0]))]
    assert sizes == [24, 24]
