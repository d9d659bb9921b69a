"""Frames in tiles equal frames as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nitido.errors import FrameMismatch
from nitido.inference.model import Model, load
from nitido.model_file import zoo
from support.frames import noise_frame

SHIPPED = [entry.name for entry in zoo.entries() if entry.takes_frames]


def assert_tiles_equal_whole(model: Model, height: int, width: int, tile: int) -> None:
    frame = noise_frame(height, width)
    whole = model(frame, tile=0)
    assert whole.shape == (height * model.card.scale, width * model.card.scale, 3)
    tiled = model(frame, tile=tile)
    # One level: a convolution may sum in another order for another frame size.
    assert int(np.abs(whole.astype(int) - tiled.astype(int)).max()) <= 1


@pytest.mark.parametrize("task", ["denoise", "upscale"])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 5), (64, 64), (131, 97)])
def test_tiles_equal_the_whole(tiny_models: dict[str, Path], task: str, height: int, width: int) -> None:
    assert_tiles_equal_whole(load(tiny_models[task], "cpu"), height, width, tile=24)


def test_a_halo_that_is_too_small_shows(tiny_models: dict[str, Path]) -> None:
    from nitido.inference.tiling import run_tiled

    model = load(tiny_models["denoise"], "cpu")
    frame = noise_frame(96, 96)
    short = run_tiled(frame, model, scale=1, tile=24, halo=model.card.halo - 2, multiple=2)
    assert int(np.abs(model(frame, tile=0).astype(int) - short.astype(int)).max()) > 1


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 5), pytest.param(479, 641, marks=pytest.mark.slow)])
def test_shipped_models_tile_exactly(name: str, height: int, width: int) -> None:
    assert_tiles_equal_whole(load(name, "cpu"), height, width, tile=128)


@pytest.mark.parametrize("tile", [-3, -1, 2.5, float("nan"), True, "24"])
def test_a_side_that_no_tile_can_have_is_refused(tiny_models: dict[str, Path], tile: Any) -> None:
    model, frame = load(tiny_models["denoise"], "cpu"), noise_frame(20, 20)
    with pytest.raises(FrameMismatch, match="tile expects a side in whole pixels, or 0 to never tile, found"):
        model(frame, tile=tile)
    assert np.array_equal(model(frame, tile=np.uint8(250)), model(frame, tile=0))  # type: ignore[arg-type]
