"""Patches of pictures, each from its number alone, shared among processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from nitido.errors import RecipeError
from nitido_train.data import degrade
from nitido_train.data.loading import ProcessSampler
from nitido_train.data.patches import PatchStream
from nitido_train.data.pictures import PictureStore, find_pictures
from nitido_train.evaluation.metrics import psnr
from nitido_train.recipe.tables import recipe_from_dict
from support.tiny_models import tiny_recipe


def test_processes_share_every_batch_evenly() -> None:
    alone = list(ProcessSampler(3, 5, 4))
    apart = [list(ProcessSampler(3, 5, 4, rank, 2)) for rank in (0, 1)]
    assert alone == [*range(12, 20)]
    assert apart == [[12, 13, 16, 17], [14, 15, 18, 19]]


@pytest.mark.parametrize("task", ["denoise", "upscale"])
def test_patches_depend_on_their_index_alone_and_fit_together(photos: Path, task: str) -> None:
    recipe = recipe_from_dict(tiny_recipe(task))
    stream = PatchStream(PictureStore(find_pictures([photos]), smallest=64), recipe)
    given, target = stream[5]
    assert np.array_equal(given, stream[5][0])
    assert not np.array_equal(target, stream[6][1])
    assert target.shape == (32, 32, 3)
    assert given.shape == (32 // recipe.scale, 32 // recipe.scale, 3)
    if task == "upscale":
        assert psnr(degrade.enlarge(given, 2), target) > 20  # misaligned pairs fall far below


def test_zoom_shows_more_of_a_picture_in_a_patch(photos: Path) -> None:
    store = PictureStore(find_pictures([photos]), smallest=64)
    plain, zoomed = (
        PatchStream(store, recipe_from_dict({**tiny_recipe("upscale"), "data": {"patch": 16, "zoom": zoom}}))
        for zoom in ([1.0, 1.0], [0.25, 0.25])
    )
    detail = [
        np.mean([np.abs(np.diff(s[i][1].astype(float), axis=1)).mean() for i in range(40)]) for s in (plain, zoomed)
    ]
    assert zoomed[0][1].shape == plain[0][1].shape == (16, 16, 3)
    assert detail[1] > 1.3 * detail[0]
    data = {"patch": 16, "zoom": [0.25, 0.25], "zoomed": 0.5}
    mixed = PatchStream(store, recipe_from_dict({**tiny_recipe("upscale"), "data": data}))
    some = np.mean([np.abs(np.diff(mixed[i][1].astype(float), axis=1)).mean() for i in range(40)])
    assert 1.1 * detail[0] < some < detail[1] / 1.1
    with pytest.raises(RecipeError, match="zoom expects"):
        recipe_from_dict({**tiny_recipe(), "data": {"zoom": [1.5, 0.5]}})


def test_compressed_pictures_have_less_detail_in_colour(photos: Path) -> None:
    store = PictureStore(find_pictures([photos]), smallest=64)

    def detail(data: dict[str, Any]) -> float:
        stream = PatchStream(store, recipe_from_dict({**tiny_recipe(), "data": {"patch": 48, **data}}))
        colour = [cv2.cvtColor(stream[i][1], cv2.COLOR_BGR2YCrCb)[..., 1:].astype(float) for i in range(20)]
        return float(np.mean([np.abs(np.diff(c, axis=1)).mean() for c in colour]))

    plain, some, all_of_them = detail({}), detail({"jpeg": 0.5}), detail({"jpeg": 1.0})
    assert all_of_them < 0.8 * plain and all_of_them < some < plain
    with pytest.raises(RecipeError, match="jpeg_quality"):
        detail({"jpeg_quality": [98, 80]})
