"""Few pictures are varied in training where other pictures of their kind look like the varied ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from nitido_train.data.examples import Bytes, Examples, Shape
from nitido_train.objectives.augmentation import choose_augmentation
from nitido_train.objectives.latents import LatentObjective
from nitido_train.objectives.options import RunOptions
from support.recipes import tiny_latent


def examples_of(pictures: Bytes) -> Examples:
    return Examples(pictures, np.zeros(len(pictures), np.int64), [""], Shape(*pictures.shape[1:3], pictures.shape[3]))


def scenes(count: int) -> Bytes:
    """Discs anywhere on slopes of any direction: mirrored or shifted ones are as likely as others."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[-1:1:16j, -1:1:16j]
    found = []
    for _ in range(count):
        across, down = rng.normal(0, 50, 2)
        picture = np.clip(128 + across * columns + down * rows, 0, 255).astype(np.uint8)
        cv2.circle(picture, tuple(int(v) for v in rng.integers(2, 14, 2)), int(rng.integers(2, 6)), 255, -1)
        found.append(picture)
    return np.stack(found)[..., None]


def signs(count: int) -> Bytes:
    """Strokes at fixed places, each with a brightness of its own, which mirrored ones do not share."""
    rng = np.random.default_rng(1)
    found = np.zeros((count, 16, 16), np.uint8)
    for picture in found:
        for row in (2, 6, 10):
            picture[row : row + 2, 1 + row // 2 : 9] = rng.integers(60, 256)
    return found[..., None]


def test_scenes_are_varied_and_signs_are_not() -> None:
    scene = choose_augmentation(examples_of(scenes(60)), 16, 1)
    assert scene is not None and (scene.mirror or scene.crop) and scene.gain > 0.5
    sign = choose_augmentation(examples_of(signs(60)), 3, 1)
    assert sign is not None and not sign.mirror and not sign.crop
    assert "PCA gains nothing" in str(sign)


def test_many_pictures_and_very_few_are_left_as_they_are() -> None:
    assert choose_augmentation(examples_of(np.zeros((2001, 4, 4, 1), np.uint8)), 2, 1) is None
    assert choose_augmentation(examples_of(scenes(5)), 2, 1) is None


def test_a_recipe_holds_what_was_chosen_and_validation_pictures_stay_whole(tmp_path: Path) -> None:
    for number, picture in enumerate(scenes(60)):
        cv2.imwrite(str(tmp_path / f"{number:02}.png"), picture)
    options = RunOptions(out=tmp_path / "run", data=(tmp_path,), workers=0, accelerator="cpu", progress=False)
    plain = tiny_latent("autoencoder", latent={"augment": False})
    recipe = replace(plain, net=replace(plain.net, options={**plain.net.options, "latent": 16}))
    assert recipe.latent is not None
    varied = LatentObjective(replace(recipe, latent=replace(recipe.latent, augment=True)), options)
    assert varied.recipe.latent is not None and varied.recipe.latent.crop > 0
    assert "at random, because" in varied.summary
    untouched = LatentObjective(recipe, options)
    known = {p.tobytes() for p in untouched.examples.pictures(range(len(untouched.examples)))}
    assert all(p.tobytes() in known for p in next(untouched.batches(0, 0, 1, 0)).target)
    assert not all(p.tobytes() in known for p in next(varied.batches(0, 0, 1, 0)).target)
    held_out = {p.tobytes() for p in varied.held_out.pictures(range(len(varied.held_out)))}
    assert all(p.tobytes() in held_out for batch in varied.fixed_batches(varied.held_out) for p in batch.target)
    again = LatentObjective(varied.recipe, options)
    assert again.recipe == varied.recipe
