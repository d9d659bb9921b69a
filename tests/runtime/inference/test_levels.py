"""Noise levels of frames, tiles and streams."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from nitido.errors import FrameMismatch
from nitido.inference import model as model_module
from nitido.inference.levels import LevelAverage, crops
from nitido.inference.model import Model, load
from nitido.inference.verify import verify


def noisy(sigma: float, height: int = 48, width: int = 64, seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    return np.clip(128 + rng.normal(0, sigma, (height, width, 3)), 0, 255).astype(np.uint8)


@pytest.fixture
def model(level_model: Path) -> Model:
    return load(level_model, "cpu")


def test_a_level_may_be_given(model: Model, tiny_models: dict[str, Path]) -> None:
    frame = noisy(10)
    assert model.has_noise and model.has_strength
    found = model.measured(frame)
    assert found.used == found.estimate == model.noise_level(frame)
    assert np.array_equal(found.image, model(frame))
    given = model.measured(frame, noise=40)
    assert given.used == 40 and given.estimate == found.estimate
    assert not np.array_equal(given.image, found.image)
    for wrong in (-2.0, 300.0, float("nan")):
        with pytest.raises(FrameMismatch, match="standard deviation"):
            model(frame, noise=wrong)
    other = load(tiny_models["denoise"], "cpu")
    assert not other.has_noise and other.measured(frame).used is None
    with pytest.raises(FrameMismatch, match="cannot be given a noise level"):
        other(frame, noise=5)
    with pytest.raises(FrameMismatch, match="does not estimate"):
        other.noise_level(frame)


def test_all_tiles_of_a_picture_have_one_level(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quiet at the left, loud at the right: without one level a seam would show between them."""
    frame = np.concatenate([noisy(2, 64, 64), noisy(30, 64, 64)], axis=1)
    level = model.noise_level(frame)
    tiled = model.measured(frame, tile=32)
    assert tiled.used == level
    assert np.array_equal(tiled.image, model(frame, noise=level, tile=32))
    assert np.abs(tiled.image.astype(int) - model(frame, noise=level, tile=0)).max() <= 1
    batch = model(np.stack([frame, frame[::-1]]), tile=32)
    assert np.array_equal(batch[0], tiled.image)


def test_the_level_of_a_large_frame_is_read_from_crops(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = noisy(12, 300, 520)
    whole = model.noise_level(frame)
    monkeypatch.setattr(model_module, "WHOLE_PIXELS", 1000)
    assert model.noise_level(frame) == pytest.approx(whole, rel=0.05)
    parts = crops(frame)
    assert parts.shape == (16, 256, 256, 3)
    assert np.array_equal(parts[-1], frame[-256:, -256:])


def test_an_average_is_slow_and_begins_again_after_a_cut() -> None:
    average = LevelAverage()
    assert average.take(4.0) and average.level == 4.0
    assert not average.take(5.0) and 4.0 < (average.level or 0) < 4.2
    assert average.take(9.0) and average.level == 9.0
    assert average.take(0.0)


def test_a_stream_does_not_flicker_and_follows_a_cut(model: Model) -> None:
    quiet = [noisy(3, seed=seed) for seed in range(6)]
    loud = [noisy(60, seed=seed) for seed in range(4)]
    average, levels = LevelAverage(), []
    results = []
    for result in model.stream([*quiet, *loud], average=average):
        results.append(result)
        levels.append(average.level or 0.0)
    alone = [model.noise_level(frame) for frame in quiet]
    assert np.ptp(levels[:6]) < 0.5 * np.ptp(alone)
    jump = model.noise_level(loud[0])
    if abs(np.log(jump / levels[5])) > np.log(1.5):
        assert levels[6] == pytest.approx(jump)
        assert np.array_equal(results[6], model(loud[0], noise=levels[6]))
    assert np.array_equal(results[1], model(quiet[1], noise=levels[0]))
    (given,) = model.stream([quiet[0]], noise=20)
    assert np.array_equal(given, model(quiet[0], noise=20))


def test_its_certificate_holds_an_estimated_and_a_given_level(level_model: Path) -> None:
    from nitido.model_file.certificate import VECTORS, vectors_from_text
    from nitido.model_file.properties import read_properties

    vectors = vectors_from_text(read_properties(level_model.read_bytes())[VECTORS], "it")
    assert ["noise" in vector.inputs for vector in vectors] == [False, True]
    assert verify(level_model, "cpu").passed
