"""The picture that shows what a model does."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from nitido.frames import Frame
from nitido_export.publishing.before_after import LABEL, SIDE, before_after
from nitido_train.evaluation.conditions import read_pictures
from nitido_train.evaluation.metrics import psnr
from nitido_train.recipe.files import load_recipe


@pytest.mark.parametrize("name", ["denoise-n", "denoise-camera-n", "dejpeg-n", "upscale-x3-n", "upscale-x2-photo"])
def test_the_picture_of_a_model_shows_given_restored_and_original(photos: Path, name: str) -> None:
    recipe = load_recipe(name)
    shapes: list[tuple[int, ...]] = []

    def restore(given: Frame) -> Frame:
        shapes.append(given.shape)
        return np.full((SIDE, SIDE, 3), 77, np.uint8)

    pictures = [cv2.resize(p, (300, 300)) for p in read_pictures(photos)[:2]]
    shown = before_after(restore, recipe, [np.asarray(p, np.uint8) for p in pictures])
    assert shown.shape == (LABEL + 2 * SIDE, 3 * SIDE, 3)
    assert shapes == [(SIDE // recipe.scale, SIDE // recipe.scale, 3)] * 2
    rows = shown[LABEL:]
    assert (rows[:, SIDE : 2 * SIDE] == 77).all()
    given, clean = rows[:, :SIDE], rows[:, 2 * SIDE :]
    assert 15 < psnr(np.ascontiguousarray(given), np.ascontiguousarray(clean)) < 40
