"""A recurrent model at half the size, and the detail that follows its past."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from nitido.frames import Frame
from nitido.inference.model import Model, load
from nitido.inference.streaming import FrameStream
from nitido.live.half_size import HalfSizeStream, restore_half
from support.clips import psnr
from support.recurrent_models import write_averaging_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    pytest.importorskip("onnx")
    path = tmp_path_factory.mktemp("half") / "memory.onnx"
    write_averaging_model(path)
    return load(path, "cpu")


def scene(height: int = 96, width: int = 128) -> Frame:
    """Grey structure of two pixels: half of what there is to see is lost at half the size."""
    coarse = np.random.default_rng(4).integers(40, 210, (height // 2, width // 2), np.uint8)
    grey = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)


def noisy(clean: Frame, rng: np.random.Generator, sigma: float = 12.0) -> Frame:
    return np.clip(clean + rng.normal(0, sigma, clean.shape), 0, 255).astype(np.uint8)


def test_detail_of_what_stands_still_loses_its_noise(model: Model) -> None:
    rng, clean = np.random.default_rng(0), scene()
    stream, alone, by_frame = HalfSizeStream(FrameStream(model)), FrameStream(model), 0.0
    results = list[Frame]()
    for _ in range(12):
        given = noisy(clean, rng)
        results.append(stream(given))
        by_frame = psnr(clean, restore_half(given, alone))
    assert psnr(clean, results[-1]) > by_frame + 2
    assert psnr(clean, results[-1]) > psnr(clean, results[0]) + 3


def test_detail_moves_with_the_picture(model: Model) -> None:
    """The same motion without alignment is worse."""
    wide = np.asarray(cv2.GaussianBlur(scene(96, 256), (0, 0), 0.8), np.uint8)
    scores = dict[bool, float]()
    for align in (True, False):
        rng, stream = np.random.default_rng(0), HalfSizeStream(FrameStream(model, align=align))
        for step in range(10):
            clean = np.ascontiguousarray(wide[:, 2 * step : 2 * step + 128])
            scores[align] = psnr(clean[:, 16:-16], stream(noisy(clean, rng))[:, 16:-16])
    assert scores[True] > scores[False] + 2


def test_without_a_past_it_is_as_good_as_a_single_frame(model: Model) -> None:
    given = noisy(scene(97, 131)[:, :, ::-1], np.random.default_rng(1))  # odd sizes
    first = HalfSizeStream(FrameStream(model))(given)
    assert first.shape == given.shape
    assert psnr(first, restore_half(given, model)) > 35


def test_another_size_begins_again(model: Model) -> None:
    rng, stream = np.random.default_rng(2), HalfSizeStream(FrameStream(model))
    for size in ((96, 128), (64, 80), (64, 80)):
        given = noisy(scene(*size), rng)
        assert stream(given).shape == given.shape


def test_strength_blends_with_the_frame(model: Model) -> None:
    given = noisy(scene(), np.random.default_rng(3))
    assert np.array_equal(HalfSizeStream(FrameStream(model))(given, 0.0), given)
