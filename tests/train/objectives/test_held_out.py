"""Pictures for validation: how many is said, none is trained on unsaid; and what transparent pictures look like."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from nitido.errors import RecipeError, SourceUnavailable
from nitido.images.io import read_opaque
from nitido_train.data.examples import Shape, read_examples
from nitido_train.data.pictures import PictureStore, find_pictures, read_frame
from nitido_train.nets.registry import build
from nitido_train.objectives.objective import open_objective
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.files import load_recipe
from nitido_train.recipe.tables import recipe_from_dict
from support.recipes import tiny_latent
from support.tiny_models import tiny_recipe


def opened(data: Path, val: Path | None = None, *, latent: bool = False) -> str:
    recipe = tiny_latent("autoencoder", 3) if latent else recipe_from_dict(tiny_recipe())
    options = RunOptions(out=data / "run", data=(data,), val=(val,) if val else ())
    return open_objective(recipe, options).validation_note


def test_how_many_pictures_are_held_out_is_said(photos: Path, tmp_path: Path) -> None:
    others = "which are held out of --data; to train on all of them, name others with --val"
    assert opened(photos) == f"validation on 2 of the 3 pictures, {others}"
    assert opened(photos, latent=True) == f"validation on 1 of the 3 examples, {others}"
    many = tmp_path / "many"
    many.mkdir()
    for number in range(30):
        shutil.copy(next(photos.glob("*.png")), many / f"{number}.png")
    assert opened(photos, many) == "validation on 24 of the 30 pictures of --val"


@pytest.mark.parametrize("latent", [False, True])
def test_one_picture_does_not_serve_for_both(
    photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, latent: bool
) -> None:
    one = tmp_path / "one"
    one.mkdir()
    shutil.copy(next(photos.glob("*.png")), one)
    with pytest.raises((SourceUnavailable, RecipeError), match=r"found (one|1)"):
        opened(one, latent=latent)
    with pytest.raises(SourceUnavailable, match="have only the same picture"):
        opened(one, one, latent=latent)
    opened(photos, photos, latent=latent)
    assert "3 of the 3 pictures of --val are in --data too" in caplog.text


def test_pictures_too_small_for_validation_are_named_as_such(tmp_path: Path) -> None:
    for number in range(4):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((100, 100, 3), 60 * number, np.uint8))
    with pytest.raises(SourceUnavailable, match="2 pictures for validation is readable and at least 256 px"):
        opened(tmp_path)


@pytest.mark.parametrize(
    "name", ["a.png", "la.png", "palette.png", "key.png", "a.webp", "a.tif", "turned.png", "16.png"]
)
def test_training_sees_the_ground_that_the_runtime_gives(tmp_path: Path, name: str) -> None:
    rgba = np.random.default_rng(0).integers(0, 256, (24, 32, 4), np.uint8)
    rgba[:8, :, 3], rgba[8:16, :, 3] = 0, 255
    picture, path, options = Image.fromarray(rgba), tmp_path / name, {}
    if name == "la.png":
        picture = picture.convert("LA")
    elif name == "palette.png":
        picture = picture.quantize(30)
    elif name == "key.png":
        picture, options = picture.convert("RGB"), {"transparency": tuple(int(v) for v in rgba[20, 20, :3])}
    elif name == "turned.png":
        exif = picture.getexif()
        exif[0x0112] = 6
        options = {"exif": exif.tobytes()}
    if name == "16.png":
        cv2.imwrite(str(path), rgba.astype(np.uint16) * 257)
    else:
        picture.save(path, **({"lossless": True} if name == "a.webp" else {}), **options)
    expected = read_opaque(path)
    found = read_frame(path)
    assert found is not None and np.array_equal(found, expected)
    assert np.array_equal(PictureStore([path], smallest=8)[0], expected)
    if name == "a.png":
        assert (found[:8] == 255).all()
        examples = read_examples([tmp_path], Shape(24, 32, 3))
        assert np.array_equal(examples.pictures([0])[0], expected)


def test_opaque_pictures_are_what_they_were(photos: Path) -> None:
    for path in find_pictures([photos]):
        assert np.array_equal(read_frame(path), cv2.imread(str(path)))


@pytest.mark.parametrize(
    ("recipe", "key", "value", "message"),
    [
        ("aae", "height", 30, "height must be a multiple of 16"),
        ("aae", "height", "tall", "height expects a whole number of 1 or more; found 'tall'"),
        ("vae", "latent", 0, "latent expects a whole number of 1 or more; found 0"),
        ("vae", "latent", 8.5, "latent expects a whole number"),
        ("autoencoder", "channels", 2, r"channels must be 1 \(grey\) or 3; found 2"),
        ("autoencoder", "widths", [], "widths expects a list of whole numbers"),
        ("vae", "size", 3, "unknown option 'size' in .* of 'vae'; known here: .*height"),
        ("denoise-n", "layers", 1, "layers expects a whole number of 2 or more"),
        ("denoise-n", "scale", 2, "unknown option 'scale'"),
        ("upscale-x2-n", "scale", "two", "scale expects a whole number"),
    ],
)
def test_options_that_do_not_fit_name_themselves(recipe: str, key: str, value: object, message: str) -> None:
    loaded = load_recipe(recipe, {f"net.options.{key}": value})
    with pytest.raises(RecipeError, match=message):
        build(loaded.net.kind, loaded.net.options)
    with pytest.raises(RecipeError, match=message):  # before any data are read
        open_objective(loaded, RunOptions(out=Path("run"), data=(Path("nowhere"),)))


def test_lists_of_unequal_length_are_named() -> None:
    with pytest.raises(RecipeError, match="widths, before and after must be equally long; found 2, 1 and 2"):
        build("pyramid-denoiser", {"widths": [8, 12], "before": [1], "after": [1, 1]})


@pytest.mark.parametrize(
    ("recipe", "changes", "message"),
    [
        ("denoise-n", {"net.kind": "mystery"}, "unknown network 'mystery': expected one of aae"),
        ("denoise-n", {"net.kind": "superres", "net.options.scale": 3}, "enlarges by 3, the task is 'denoise'"),
        ("aae", {"net.kind": "denoiser", "net.options": {}}, "'denoiser' is not a network for the task 'autoencode'"),
        ("denoise-n", {"schedule.ema": 1.5}, "0 <= ema < 1"),
        ("denoise-n", {"schedule.clip": 0}, "clip > 0"),
        ("denoise-n", {"schedule.lr": float("inf")}, "final_lr <= lr"),
    ],
)
def test_recipes_that_contradict_themselves_are_named(recipe: str, changes: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        open_objective(load_recipe(recipe, changes), RunOptions(out=Path("run"), data=(Path("nowhere"),)))
