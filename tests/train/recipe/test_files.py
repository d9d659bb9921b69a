"""Recipe files, written and read again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nitido_train.recipe.files import as_toml, load_recipe, recipe_names


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_is_noted_as_it_is(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    odd = replace(
        recipe, summary='quo"tes, \\ and \x7f \x01 ünï', net=replace(recipe.net, options={"a b": [1.0, True]})
    )
    for n, noted in enumerate((recipe, odd)):
        (tmp_path / f"{n}.toml").write_text(as_toml(noted), encoding="utf-8")
        assert load_recipe(str(tmp_path / f"{n}.toml")) == noted
