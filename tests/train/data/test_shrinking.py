"""Pictures shrunk as people find them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nitido.errors import RecipeError
from nitido_train.data.degrade import shrink
from nitido_train.data.shrinking import KERNELS, shrink_as_found, shrink_by
from nitido_train.evaluation.conditions import conditions
from nitido_train.recipe.files import load_recipe
from nitido_train.recipe.schema import ShrinkRecipe
from nitido_train.recipe.tables import recipe_from_dict
from support.tiny_models import tiny_recipe

PLAIN = ShrinkRecipe(bicubic=1.0, noise=0.0, jpeg=0.0)


def picture(side: int = 96) -> np.ndarray:
    return np.random.default_rng(4).integers(0, 256, (side, side, 3)).astype(np.uint8)


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_kernel_keeps_the_middle_in_place(kernel: str) -> None:
    frame = picture()
    small = shrink_by(kernel, frame, 2)
    turned = shrink_by(kernel, np.ascontiguousarray(frame[::-1, ::-1]), 2)[::-1, ::-1]
    assert small.shape == (48, 48, 3)
    assert np.abs(small.astype(int) - turned).max() <= 1


def test_kernels_that_are_not_widened_alias() -> None:
    stripes = np.zeros((96, 96, 3), np.uint8)
    stripes[:, 1::3] = 255  # finer than half the pixels can show
    contrast = {name: float(shrink_by(name, stripes, 2)[8:-8, 8:-8].std()) for name in KERNELS}
    assert contrast["unfiltered cubic"] > 2 * contrast["bicubic"]


def test_bicubic_alone_is_what_the_other_upscalers_learn_from() -> None:
    frame = picture()
    assert np.array_equal(shrink_as_found(frame, 2, PLAIN, np.random.default_rng(0)), shrink(frame, 2))


@pytest.mark.parametrize(
    "asked", [{"bicubic": 0.0}, {"noise": 1.0, "noise_level": (6.0, 6.0)}, {"sharpen": 1.0}, {"jpeg": 1.0}]
)
def test_each_share_changes_the_picture_and_repeats_with_the_generator(asked: dict[str, Any]) -> None:
    frame, recipe = picture(), replace(PLAIN, **asked)
    once, again = (shrink_as_found(frame, 2, recipe, np.random.default_rng(3)) for _ in range(2))
    assert once.shape == (48, 48, 3) and np.array_equal(once, again)
    assert not np.array_equal(once, shrink(frame, 2))


def test_photo_models_are_measured_under_other_kernels_and_jpeg(tmp_path: Path) -> None:
    assert load_recipe("upscale-x2-photo").purpose == "found" and load_recipe("upscale-x2-m").purpose == "plain"
    found = conditions("upscale", 2, [picture(97)], purpose="found")
    assert {c.name for c in found} >= {"bicubic x2", "area x2", "unfiltered cubic x2", "bicubic x2, JPEG 75"}
    assert all(c.given[0].shape == (48, 48, 3) and c.clean[0].shape == (96, 96, 3) for c in found)
    assert len({c.key for c in found}) == len(found)


@pytest.mark.parametrize("table", [{"jpeg": 1.5}, {"noise_level": (5.0, 1.0)}, {"jpeg_quality": (0, 90)}])
def test_impossible_values_are_refused(table: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match=r"\[shrink\]"):
        ShrinkRecipe(**table)


def test_only_upscalers_have_the_table() -> None:
    with pytest.raises(RecipeError, match="shrink"):
        recipe_from_dict({**tiny_recipe(), "shrink": {}})
