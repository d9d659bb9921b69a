"""What a recipe may say."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from nitido.errors import RecipeError
from nitido_train.recipe.files import as_toml, load_recipe
from nitido_train.recipe.schema import DefectRecipe
from nitido_train.recipe.tables import recipe_from_dict
from support.paths import ROOT
from support.tiny_models import tiny_recipe

CARDS = sorted((ROOT / "models").glob("*.json"))


def reconstructing(**schedule: object) -> dict[str, object]:
    recipe = {**tiny_recipe("denoise", **schedule), "task": "reconstruct", "name": "tiny-reconstruct"}
    del recipe["noise"]
    return recipe | {"blots": {"size": [6, 16], "sigma": [0, 2]}}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"count": [0, 2]}, "count expects"),
        ({"size": [1, 4]}, "size expects"),
        ({"clean": 1.0}, "shares"),
        ({"rooted": 1.5}, "shares"),
        ({"sigma": [3, 1]}, "sigma expects"),
        ({"colour": 3}, "unknown key 'blots.colour'"),
    ],
)
def test_defects_that_make_no_sense_are_refused(table: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        recipe_from_dict(reconstructing() | {"blots": table})


def test_the_table_of_defects_has_two_names(tmp_path: Path) -> None:
    table = {"size": [6, 16], "count": [2, 3]}
    older = reconstructing() | {"blots": table}
    newer = {key: value for key, value in older.items() if key != "blots"} | {"defects": table}
    recipe = recipe_from_dict(older)
    assert recipe == recipe_from_dict(newer) and recipe.blots == DefectRecipe(size=(6, 16), count=(2, 3))
    assert recipe_from_dict(asdict(recipe)) == recipe and "blots" in asdict(recipe)  # as checkpoints and cards have it
    with pytest.raises(RecipeError, match=r"\[defects\] and \[blots\] are the same table"):
        recipe_from_dict(older | newer)
    for name, text in {"older": as_toml(recipe), "newer": as_toml(recipe).replace("[blots]", "[defects]")}.items():
        (tmp_path / f"{name}.toml").write_text(text)
        for key in ("blots", "defects"):
            changed = load_recipe(str(tmp_path / f"{name}.toml"), {f"{key}.count": [1, 9]})
            assert changed.blots == DefectRecipe(size=(6, 16), count=(1, 9))


def test_a_recipe_for_reconstruction_needs_its_defects() -> None:
    without = reconstructing()
    del without["blots"]
    with pytest.raises(RecipeError, match=r"\[blots\] table exactly when"):
        recipe_from_dict(without)
    assert load_recipe("parts-n").task == "reconstruct"


@pytest.mark.parametrize("card", [path for path in CARDS if path.name != "index.json"], ids=lambda path: path.stem)
def test_the_recipe_of_a_shipped_card_loads_and_stays_the_same(card: Path) -> None:
    held = json.loads(card.read_text(encoding="utf-8"))["training"]["recipe"]
    read: dict[str, Any] = json.loads(json.dumps(asdict(recipe_from_dict(held))))
    assert _holds(read, held)
    assert recipe_from_dict(read) == recipe_from_dict(held)


def _holds(whole: Any, part: Any) -> bool:
    """Whether every value of ``part`` is in ``whole``, which may have more keys."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(_holds(whole.get(key), value) for key, value in part.items())
    return whole == part


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stepz": 1}, "unknown key 'stepz' in the recipe; known here: blots, clips, data, latent, name"),
        (
            {"net": {"kind": "denoiser", "optoins": {}}},
            "unknown key 'net.optoins' in the recipe; known here: kind, opt",
        ),
        ({"schedule": {}}, "the recipe has no 'schedule.steps', which is required"),
        ({"schedule": {"steps": 1.5}}, "'schedule.steps' expects a whole number; found 1.5"),
        ({"schedule": {"steps": True}}, "'schedule.steps' expects a whole number; found True"),
        ({"seed": -1}, "seed expects a whole number of 0 to .*; found -1"),
        ({"name": ""}, "name expects a valid file name; found ''"),
        ({"name": "a/b"}, "name expects a valid file name; found 'a/b'"),
        ({"data": 3}, "'data' expects a table; found 3"),
        ({"noise": {"sigma": [1, 2, 3]}}, r"'noise.sigma' expects a list of 2 values; found \[1, 2, 3\]"),
        ({"noise": {"sigma": ["a", 2]}}, "'noise.sigma' expects a number; found 'a'"),
        ({"data": {"patch": 3}}, "expects patch >= 16.*found patch=3"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused_and_says_where(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        recipe_from_dict(tiny_recipe() | changes)
