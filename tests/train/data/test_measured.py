"""Noise as it was measured on one camera."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nitido.calibration.calibration import save_calibration
from nitido.calibration.frames import measure_frames
from nitido.calibration.pairs import keep_pairs
from nitido.errors import NitidoError, RecipeError
from nitido_train.data.measured import Camera
from nitido_train.data.patches import PatchStream
from nitido_train.data.pictures import PictureStore, find_pictures
from nitido_train.recipe.schema import Recipe
from nitido_train.recipe.tables import recipe_from_dict
from support import cameras
from support.commands import nitido
from support.tiny_models import tiny_recipe


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calibration")
    (folder / "cam.frames").mkdir()
    found = measure_frames(keep_pairs(cameras.frames(40), folder / "cam.frames"), "camera")
    save_calibration(found, folder / "bare.json")
    save_calibration(replace(found, pairs="cam.frames"), folder / "cam.json")
    return folder / "cam.json"


def recipe(path: Path | str, **noise: float) -> Recipe:
    return recipe_from_dict({**tiny_recipe(), "noise": {"calibration": str(path), **noise}})


def test_noise_that_is_drawn_is_measured_as_the_camera_was(calibration: Path) -> None:
    """From a camera to its calibration to noise to a calibration of that: it is the camera still."""
    camera = Camera.of(recipe(calibration, measured=1.0))
    assert camera is not None and camera.frames is None
    rng, clean = np.random.default_rng(0), cameras.scene()
    again = measure_frames((camera.noise.add(clean, rng) for _ in range(60)), "drawn")
    for brightness in range(40, 221, 30):
        expected = float(cameras.deviation(np.array(brightness)))
        assert again.deviation_at(np.array(brightness)) == pytest.approx(expected, rel=0.1)
    assert again.colour == pytest.approx(cameras.COLOUR, rel=0.12)
    for component in ("luma", "cb", "cr"):
        assert again.correlation_of(component, 0, 1) == pytest.approx(np.exp(-1 / (4 * cameras.BLUR**2)), abs=0.08)


def test_patches_of_any_shape_get_noise_of_the_same_strength(calibration: Path) -> None:
    camera = Camera.of(recipe(calibration, measured=1.0))
    assert camera is not None
    rng = np.random.default_rng(1)
    for shape in ((64, 64), (40, 96), (33, 17)):
        grey = np.full((*shape, 3), 128, np.uint8)
        luma = [(camera.noise.add(grey, rng).astype(float) - 128) @ [0.114, 0.587, 0.299] for _ in range(20)]
        assert np.std(luma) == pytest.approx(float(cameras.deviation(np.array(128))), rel=0.1)


def test_patches_are_the_camera_s_own_frames_or_have_its_noise(calibration: Path, photos: Path) -> None:
    store = PictureStore(find_pictures([photos]), smallest=32)
    own = PatchStream(store, recipe(calibration, paired=1.0))
    given, target = own[3]
    assert given.shape == target.shape and own[3][0].tobytes() == given.tobytes()
    assert 2 < (given.astype(float) - target).std() < 12
    drawn = PatchStream(store, recipe(calibration, measured=1.0))
    again = PatchStream(store, recipe(calibration, measured=1.0))
    for index in range(4):
        given, target = drawn[index]
        assert 2 < (given.astype(float) - target).std() < 12
        assert again[index][0].tobytes() == given.tobytes()
    plain = recipe_from_dict({**tiny_recipe(), "noise": {}})
    few = PatchStream(store, recipe(calibration, measured=0.0))
    assert few[0][1].shape == PatchStream(store, plain)[0][1].shape


def test_what_does_not_fit_is_reported(calibration: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="need a calibration"):
        recipe("", measured=0.5)
    with pytest.raises(RecipeError, match="add up to at most 1"):
        recipe(calibration, measured=0.8, paired=0.4)
    with pytest.raises(NitidoError, match="no such file"):
        Camera.of(recipe(tmp_path / "none.json", measured=0.5))
    with pytest.raises(NitidoError, match="has no frames"):
        Camera.of(recipe(calibration.with_name("bare.json"), paired=0.5))
    assert Camera.of(recipe(calibration.with_name("bare.json"), measured=1)) is not None


def test_the_command_trains_for_a_camera(calibration: Path, photos: Path, tmp_path: Path) -> None:
    from nitido_train.recipe.files import as_toml
    from support.tiny_models import random_level_checkpoint

    recipe_file = tmp_path / "tiny.toml"
    recipe_file.write_text(as_toml(random_level_checkpoint().recipe), encoding="utf-8")
    train = ("train", recipe_file, "--data", photos, "--workers", 0, "--threads", 1, "--calibration")
    done = nitido(*train, calibration, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "run" / "recipe.toml").read_text()
    assert "measured = 0.4" in written and "paired = 0.25" in written
    wrong = nitido(*train, recipe_file, "--out", tmp_path / "other")
    assert wrong.returncode == 1 and "is not a calibration" in wrong.stderr and not (tmp_path / "other").exists()
