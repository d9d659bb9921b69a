"""The noise of cameras that are known, and scenes of which none can be told."""

from __future__ import annotations

import logging
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from nitido.calibration.calibration import Calibration
from nitido.calibration.frames import measure_frames, measure_pairs
from nitido.errors import SourceUnavailable
from support import cameras


@pytest.fixture(scope="module")
def measured() -> Calibration:
    return measure_frames(cameras.frames(60), "camera")


def test_a_known_camera_is_recovered(measured: Calibration) -> None:
    for brightness in range(40, 221, 20):
        expected = float(cameras.deviation(np.array(brightness)))
        assert measured.deviation_at(np.array(brightness)) == pytest.approx(expected, rel=0.1)
    luma = cameras.scene().astype(np.float64) @ [0.114, 0.587, 0.299]
    level = math.sqrt(np.square(cameras.deviation(luma)).mean())
    assert measured.level == pytest.approx(level, rel=0.05)
    assert measured.level_of(cameras.scene()) == pytest.approx(level, rel=0.05)
    assert measured.colour == pytest.approx(cameras.COLOUR, rel=0.1)
    for component in ("luma", "cb", "cr"):
        for down, across in ((0, 1), (1, 0), (1, 1), (-1, 1), (0, 2), (3, 0)):
            expected = math.exp(-(down**2 + across**2) / (4 * cameras.BLUR**2))
            assert measured.correlation_of(component, down, across) == pytest.approx(expected, abs=0.05)
    assert measured.steady < 0.05
    assert measured.size == (320, 240) and measured.frames == 60


@pytest.mark.parametrize("scale", [0.4, 3.0])
def test_the_strength_of_the_noise_is_recovered(scale: float, measured: Calibration) -> None:
    found = measure_frames(cameras.frames(40, scale=scale), "camera")
    assert found.level == pytest.approx(scale * measured.level, rel=0.1)


def test_what_moves_is_not_taken_for_noise(measured: Calibration) -> None:
    found = measure_frames(cameras.moving(cameras.frames(60), lambda i: (7 * i) % 240), "camera")
    assert found.level == pytest.approx(measured.level, rel=0.05)


def test_light_that_flickers_is_not_taken_for_noise(measured: Calibration) -> None:
    def flickering():
        for index, frame in enumerate(cameras.frames(60)):
            yield np.clip(frame.astype(int) + 6 * (index % 3), 0, 255).astype(np.uint8)

    assert measure_frames(flickering(), "camera").level == pytest.approx(measured.level, rel=0.06)


def test_noise_that_stays_for_some_frames_is_measured_and_said(measured: Calibration) -> None:
    def held():
        rng = np.random.default_rng(0)
        before = None
        for frame in cameras.frames(90):
            mixed = frame if before is None else np.where(rng.random(frame.shape[:2])[..., None] < 0.7, before, frame)
            yield mixed
            before = mixed

    found = measure_frames(held(), "camera")
    assert found.level == pytest.approx(measured.level, rel=0.1)
    assert found.steady > 0.5


def test_a_camera_that_shakes_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    rng = np.random.default_rng(0)
    photo = cv2.resize(cameras.scene(), (320, 240)) // 2 + np.indices((240, 320)).sum(0)[..., None] % 16 * 8

    def shaken():
        for _ in range(40):
            move = np.float32([[1, 0, rng.normal()], [0, 1, rng.normal()]])
            picture = cv2.warpAffine(photo.astype(np.uint8), move, (320, 240), borderMode=cv2.BORDER_REFLECT)
            yield next(cameras.frames(1, picture, seed=int(rng.integers(1 << 30)), scale=0.3))

    smooth = cameras.scene()
    photo[:, :160] = smooth[:, :160]
    with caplog.at_level(logging.WARNING):
        measure_frames(shaken(), "camera")
    assert "mount the camera firmly" in caplog.text


def test_pairs_of_any_scenes_are_measured(measured: Calibration) -> None:
    pairs = []
    for turn in range(6):
        clean = np.ascontiguousarray(np.rot90(cameras.scene(), turn))
        pairs.append((next(cameras.frames(1, clean, seed=turn)), clean))
    assert measure_pairs(pairs, "pairs").level == pytest.approx(measured.level, rel=0.05)
    with pytest.raises(SourceUnavailable, match="a pair has sizes"):
        measure_pairs([(pairs[0][0], pairs[1][1])], "pairs")


@pytest.mark.parametrize("count", [2, 5])
def test_few_frames_do(count: int, measured: Calibration) -> None:
    assert measure_frames(cameras.frames(count), "camera").level == pytest.approx(measured.level, rel=0.1)


def test_what_cannot_be_measured_is_said() -> None:
    (one,) = cameras.frames(1)
    with pytest.raises(SourceUnavailable, match="at least 2 frames that differ, found 1 of 1"):
        measure_frames([one], "camera")
    with pytest.raises(SourceUnavailable, match="at least 2 frames that differ, found 1 of 9"):
        measure_frames([one] * 9, "camera")
    with pytest.raises(SourceUnavailable, match="one size, found 320×240 and 160×240"):
        measure_frames([one, one[:, ::2]], "camera")
    with pytest.raises(SourceUnavailable, match="at least 8×8"):
        measure_frames([one[:4, :4], one[4:8, 4:8]], "camera")
    rng = np.random.default_rng(0)
    scenes = (cv2.resize(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8), (320, 240)) for _ in range(30))
    with pytest.raises(SourceUnavailable, match="does not move"):
        measure_frames(scenes, "camera")


def test_the_measurement_ends_when_asked() -> None:
    seen: list[int] = []

    def endless():
        while True:
            seen.append(1)
            yield from cameras.frames(1, seed=len(seen))

    found = measure_frames(endless(), "camera", stopping=lambda: len(seen) >= 12)
    assert found.frames == 12
    assert measure_frames(endless(), str(Path("camera")), seconds=0.2).frames > 1
