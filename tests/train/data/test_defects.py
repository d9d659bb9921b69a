"""Defects drawn onto good pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from nitido.anomaly.reconstruction import Reconstruction
from nitido.anomaly.threshold import Measure
from nitido_export.draft import ReleaseInfo
from nitido_export.export import export_float
from nitido_train.data.defects import add_defects, defects_at
from nitido_train.data.patches import PatchStream
from nitido_train.data.pictures import PictureStore
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.schema import DefectRecipe
from nitido_train.recipe.tables import recipe_from_dict
from nitido_train.training.loop import train
from support.tiny_models import tiny_recipe

ALWAYS = DefectRecipe(clean=0.0, foreign=0.0, sigma=(0.0, 0.0))


def bars(height: int = 96, width: int = 96) -> NDArray[np.uint8]:
    """Dark upright bars, 16 pixels wide, on light ground."""
    picture = np.full((height, width, 3), 230, np.uint8)
    picture[:, (np.arange(width) // 16) % 2 == 1] = 20
    return picture


def reconstructing(**schedule: object) -> dict[str, object]:
    recipe = {**tiny_recipe("denoise", **schedule), "task": "reconstruct", "name": "tiny-reconstruct"}
    del recipe["noise"]
    return recipe | {"blots": {"size": [6, 16], "sigma": [0, 2]}}


def test_defects_depend_on_the_generator_alone_and_leave_the_picture() -> None:
    picture, kept = bars(), bars()
    first, again = (add_defects(picture, DefectRecipe(), np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first, again) and np.array_equal(picture, kept)
    assert first.shape == picture.shape and first.dtype == np.uint8
    assert not np.array_equal(first, add_defects(picture, DefectRecipe(), np.random.default_rng(6)))


def test_every_patch_that_is_not_clean_shows_a_defect() -> None:
    changed = [
        int((np.abs(add_defects(bars(), ALWAYS, np.random.default_rng(i)).astype(int) - bars()).max(axis=2) > 40).sum())
        for i in range(60)
    ]
    assert min(changed) > 0 and max(changed) < bars().shape[0] * bars().shape[1] / 2
    clean = [add_defects(bars(), replace(ALWAYS, clean=0.5), np.random.default_rng(i)) for i in range(60)]
    assert 15 < sum(np.array_equal(picture, bars()) for picture in clean) < 45


def test_defects_have_the_colours_of_the_picture() -> None:
    for i in range(40):
        painted = add_defects(bars(), ALWAYS, np.random.default_rng(i))
        assert painted.min() >= 20 and painted.max() <= 230  # soft outlines lie between
    coloured = [
        add_defects(bars(), replace(ALWAYS, foreign=1.0, rooted=0.0), np.random.default_rng(i)) for i in range(20)
    ]
    assert any(np.ptp(picture.astype(int), axis=2).max() > 60 for picture in coloured)


def test_some_defects_bridge_two_edges_and_some_cut_through() -> None:
    """On bars that run from top to bottom a row of one colour is a bridge; so is, inside a bar, a light row a gap."""
    picture = np.full((64, 64, 3), 230, np.uint8)
    picture[:, :20] = picture[:, 44:] = 20
    rooted = replace(ALWAYS, rooted=1.0, count=(1, 1), size=(16.0, 40.0))
    bridged = [
        (add_defects(picture, rooted, np.random.default_rng(i))[:, 20:44] < 100).all(axis=(1, 2)) for i in range(80)
    ]
    cut = [
        (add_defects(255 - picture, rooted, np.random.default_rng(i))[:, 20:44] > 150).all(axis=(1, 2))
        for i in range(80)
    ]
    for rows in (bridged, cut):
        assert 5 < sum(bool(r.any()) for r in rows) < 80
        assert max(int(r.sum()) for r in rows) < 40


def test_a_picture_of_one_colour_gets_defects_that_show() -> None:
    blank = np.full((64, 64, 3), 90, np.uint8)
    for i in range(20):
        assert np.abs(add_defects(blank, ALWAYS, np.random.default_rng(i)).astype(int) - 90).max() > 40


def test_a_test_set_is_the_same_every_time_and_has_defects_by_area() -> None:
    small, large = bars(128, 128), bars(512, 512)
    first, second = ([defects_at(p, i, ALWAYS) for i, p in enumerate([small, large])] for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    touched = [float((a != b).any(axis=2).mean()) for a, b in zip(first, [small, large], strict=True)]
    assert touched[0] > 0 and touched[1] > 0.005
    assert (first[1] != large).any(axis=2).sum() > 4 * (first[0] != small).any(axis=2).sum()


def test_patches_get_defects_and_stay_upright_when_asked(tmp_path: Path) -> None:
    ramp = np.repeat(np.repeat(np.arange(0, 240, 2, dtype=np.uint8)[:, None, None], 120, axis=1), 3, axis=2)
    cv2.imwrite(str(tmp_path / "ramp.png"), ramp)
    recipe = recipe_from_dict(reconstructing())
    recipe = replace(recipe, data=replace(recipe.data, turn=False))
    store = PictureStore([tmp_path / "ramp.png"], smallest=40)
    for index in range(12):
        given, target = PatchStream(store, recipe)[index]
        assert given.shape == target.shape == (32, 32, 3)
        assert (np.diff(target[:, :, 0].astype(int), axis=0) == 2).all()  # darker above, as in the picture
    turned = PatchStream(store, recipe_from_dict(reconstructing()))
    assert any((np.diff(turned[i][1][:, :, 0].astype(int), axis=0) != 2).any() for i in range(12))


@pytest.mark.slow
def test_a_net_trained_on_good_pictures_finds_what_they_do_not_have(tmp_path: Path) -> None:
    """From recipe to heat map: the exported model removes a defect and hardly changes the good picture."""
    (tmp_path / "good").mkdir()
    for number in range(6):
        cv2.imwrite(str(tmp_path / "good" / f"{number}.png"), np.roll(bars(288, 288), 5 * number, axis=1))
    recipe = recipe_from_dict(
        reconstructing(steps=250, warmup=20, lr=4e-3, validate_every=250, loss="mse", ema=0.98)
        | {"data": {"patch": 32, "batch": 8}, "blots": {"size": [5, 14], "count": [1, 2], "sigma": [0, 2]}}
    )
    options = RunOptions(out=tmp_path / "run", data=(tmp_path / "good",), workers=0, accelerator="cpu", progress=False)
    checkpoint = train(recipe, options)
    card = export_float(checkpoint, tmp_path / "bars.onnx", ReleaseInfo("none", "none", [tmp_path / "good"]))
    assert card.task == "reconstruct" and card.evaluation[0]["condition"] == "blots"
    assert card.evaluation[0]["value"] > card.evaluation[0]["baseline"]
    reconstruction = Reconstruction(tmp_path / "bars.onnx", "cpu")
    faulty = bars(160, 160)
    faulty[70:78, 100:106] = 230 if faulty[74, 103, 0] < 100 else 20
    clean, spotted = (Measure().heat(reconstruction(picture)) for picture in (bars(160, 160), faulty))
    assert spotted[66:82, 96:110].max() > 1.5 * clean.max()
