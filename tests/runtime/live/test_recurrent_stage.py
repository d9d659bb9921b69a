"""What a recurrent model remembers while a live run goes on."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest

from nitido.frames import Frame
from nitido.inference.model import Model, load
from nitido.inference.streaming import FrameStream
from nitido.live.fade import FRAMES
from nitido.live.half_size import HalfSizeStream
from nitido.live.ladder import Rung
from nitido.live.loop import run
from nitido.live.stage import LadderStage, Restored
from nitido.live.state import Captured, Controls
from support.clips import psnr
from support.frames import noise_frame
from support.live_fakes import FakeSource, ListSink, fake_model
from support.recurrent_models import MOST, write_averaging_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnx")
    folder = tmp_path_factory.mktemp("recurrent")
    write_averaging_model(folder / "memory.onnx")
    write_averaging_model(folder / "memory.int8.onnx")
    return folder


@pytest.fixture
def model(folder: Path) -> Model:
    return load(folder / "memory.onnx", "cpu")


class Camera:
    """Frames of noise through a stage; each is another."""

    def __init__(self, *models: Model) -> None:
        self.stage, self.controls = LadderStage(models), Controls()
        self.index = self.reconnects = 0

    def next(self) -> tuple[Frame, Restored]:
        frame = np.roll(noise_frame(24, 16), self.index, 0)
        self.index += 1
        found = self.stage(Captured(frame, self.index, float(self.index), None, self.reconnects), self.controls)
        assert found is not None
        return frame, found


def test_the_share_of_the_past_grows_and_is_shown(model: Model) -> None:
    camera = Camera(model)
    assert [camera.next()[1].past for _ in range(3)] == pytest.approx([0.5, 0.75, MOST])


def test_a_source_that_was_lost_has_no_past(model: Model) -> None:
    camera = Camera(model)
    for _ in range(2):
        camera.next()
    camera.reconnects += 1
    frame, found = camera.next()
    assert np.array_equal(found.frame, model(frame)) and found.past == 0.5
    frame, found = camera.next()
    assert not np.array_equal(found.frame, model(frame))


def test_a_bypass_leaves_no_past(model: Model) -> None:
    camera = Camera(model)
    camera.next()
    camera.controls.bypass = True
    assert camera.next()[1].past is None
    camera.controls.bypass = False
    frame, found = camera.next()
    assert np.array_equal(found.frame, model(frame))


def test_the_past_can_be_switched_off_and_on(model: Model) -> None:
    camera = Camera(model)
    camera.next()
    camera.controls.past = False
    for _ in range(2):
        frame, found = camera.next()
        assert np.array_equal(found.frame, model(frame)) and found.past == 0.0
    camera.controls.past = True
    frame, found = camera.next()
    assert not np.array_equal(found.frame, model(frame)) and found.past == 0.75


def test_a_change_of_strength_forgets_nothing(model: Model) -> None:
    camera = Camera(model)
    camera.next()
    camera.controls.strength = 0.5
    assert camera.next()[1].past == 0.75


def test_the_past_goes_on_in_another_precision_of_the_model(folder: Path, model: Model) -> None:
    stage = LadderStage([model, load(folder / "memory.int8.onnx", "cpu")])
    alone = FrameStream(model)
    frames = [np.roll(noise_frame(24, 16), n, 0) for n in range(6)]
    for number, frame in enumerate(frames):
        found = stage.restore(frame, Rung("m", number // 2 % 2))  # two frames each, down and up again
        assert np.array_equal(found, alone(frame))


def test_another_model_begins_without_a_past(model: Model, tiny_models: dict[str, Path]) -> None:
    stage = LadderStage([model, load(tiny_models["denoise"], "cpu")])
    frames = [np.roll(noise_frame(24, 16), n, 0) for n in range(3)]
    stage.restore(frames[0], Rung("m", 0))
    assert np.array_equal(stage.restore(frames[1], Rung("n", 1)), load(tiny_models["denoise"], "cpu")(frames[1]))
    assert np.array_equal(stage.restore(frames[2], Rung("m", 0)), model(frames[2]))


def test_half_the_size_has_a_past_of_its_own(model: Model) -> None:
    stage = LadderStage([model])
    frames = [np.roll(noise_frame(24, 16), n, 0) for n in range(2)]
    stage.restore(frames[0], Rung("m", 0))
    stage.restore(frames[0], Rung("m half", 0, half=True))
    assert np.array_equal(stage.restore(frames[1], Rung("m", 0)), model(frames[1]))


def test_from_the_whole_size_to_half_of_it_is_no_jump(folder: Path) -> None:
    rng, budget = np.random.default_rng(0), 0.1
    coarse = rng.integers(60, 200, (12, 16, 3), np.uint8)
    scene = np.asarray(cv2.resize(coarse, (64, 48), interpolation=cv2.INTER_CUBIC), np.uint8)
    model = load(folder / "memory.onnx", "cpu")
    stage = LadderStage([model], fps=1 / budget)
    controls, shown = Controls(), list[tuple[str, float, Frame]]()
    for number in range(1, 40):
        noisy = np.clip(scene + rng.normal(0, 12, scene.shape), 0, 255).astype(np.uint8)
        found = stage(Captured(noisy, number, float(number)), controls)
        assert found is not None
        shown.append((found.rung, psnr(scene, found.frame), noisy))
        stage.observe(0.5 if found.rung == "memory" and number > 20 else 0.9 * budget, float(number))
    _, score, given = next(row for row in shown if row[0] == "memory half size")
    assert score > psnr(scene, HalfSizeStream(FrameStream(model))(given)) + 2


def test_the_time_that_a_change_takes_is_no_reason_for_another_one(model: Model) -> None:
    stage, controls = LadderStage([model], fps=10), Controls()
    given, changes = noise_frame(24, 16), list[int]()
    for number in range(1, 30):
        assert stage(Captured(given.copy(), number, float(number)), controls) is not None or len(changes) > 1
        if stage.observe(0.5, float(number)):
            changes.append(number)
    assert changes[0] == 5  # frames that are enough for a verdict
    assert changes[1] >= changes[0] + FRAMES + 5


def test_from_a_recurrent_model_to_another_one_there_is_no_jump(folder: Path) -> None:
    """Under load the result goes over within a few frames."""
    given, budget = np.full((48, 64, 3), 100, np.uint8), 0.1

    def brighten(frame: Frame) -> None:
        frame += np.uint8(1)  # what the other model makes of it is 2 levels brighter

    stage = LadderStage([load(folder / "memory.onnx", "cpu"), fake_model(brighten)], fps=1 / budget)
    controls, now, shown = Controls(), 0.0, []
    for number in range(40):
        now += 1.0
        found = stage(Captured(given.copy(), number, now), controls)
        assert found is not None
        if found.rung == "fake half size":
            shown.append(found.frame[0, 0, 0])
        slow = found.rung.startswith("memory") and number > 10
        stage.observe(0.5 if slow else 0.9 * budget, now)
    steps = np.diff([100, *map(int, shown[:8])])
    assert shown[7] == 102 and (steps >= 0).all() and steps.max() == 1


def test_what_has_changed_is_shown_at_once_while_the_models_change(folder: Path) -> None:
    stage = LadderStage([load(folder / "memory.onnx", "cpu"), fake_model()], fps=10)
    controls, now, number = Controls(), 0.0, 0
    dark, light = np.full((48, 64, 3), 60, np.uint8), np.full((48, 64, 3), 160, np.uint8)
    found = None
    while found is None or found.rung.startswith("memory"):
        now, number = now + 1.0, number + 1
        found = stage(Captured(dark.copy(), number, now), controls)
        assert found is not None and number < 40
        stage.observe(0.5, now)
    found = stage(Captured(light.copy(), number, now + 1), controls)
    assert cast(Restored, found).frame.min() == 161


def test_a_long_run_neither_drifts_nor_grows(model: Model) -> None:
    """A camera whose light is steady: after many frames the mean brightness is what it was."""
    rng = np.random.default_rng(2)
    scene = np.kron(rng.integers(40, 200, (8, 10, 3)), np.ones((8, 8, 1)))
    noisy = (np.clip(scene + rng.normal(0, 8, scene.shape), 0, 255).round().astype(np.uint8) for _ in range(400))
    sink, states = ListSink(), []
    run(
        FakeSource(noisy, live=False), model, sink, every_frame=True, progress=lambda status: states.append(status.past)
    )
    means = [float(frame.mean()) for frame in sink.frames]
    assert len(means) == 400
    assert abs(np.mean(means[-50:]) - np.mean(means[10:60])) < 0.2
    assert states[-1] == pytest.approx(MOST, abs=1e-3)
