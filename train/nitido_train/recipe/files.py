"""Recipe files: those that come with the package, and reading and writing TOML."""

from __future__ import annotations

import tomllib
from dataclasses import asdict
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import tomli_w

from nitido.errors import RecipeError
from nitido_train.recipe.schema import Recipe
from nitido_train.recipe.tables import recipe_from_dict, renamed


def recipe_names() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(Path(entry.name).stem for entry in _shipped().iterdir() if entry.name.endswith(".toml"))


def load_recipe(name_or_path: str, overrides: dict[str, Any] | None = None) -> Recipe:
    """Reads a recipe by shipped name or path of a ``.toml`` file.

    overrides: values by dotted key, such as ``{"schedule.steps": 10}``. Raises ``RecipeError`` when the recipe is
    missing, is not TOML, or has an unknown key or a value of the wrong type.
    """
    path = Path(name_or_path)
    shipped = _shipped() / f"{name_or_path}.toml"
    if path.suffix == ".toml" and path.is_file():
        text = path.read_text(encoding="utf-8")
    elif "/" not in name_or_path and shipped.is_file():
        text = shipped.read_text(encoding="utf-8")
    else:
        known = ", ".join(recipe_names())
        raise RecipeError(f"no recipe '{name_or_path}': expected a .toml file or one of {known}")
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{name_or_path} is not valid TOML: {error}") from error
    raw = renamed(raw)
    for dotted, value in (overrides or {}).items():
        _override(raw, dotted, value)
    return recipe_from_dict(raw)


def as_toml(recipe: Recipe) -> str:
    """The recipe as a file that :func:`load_recipe` reads. ``None`` is left out: TOML cannot express it."""
    return tomli_w.dumps({key: value for key, value in asdict(recipe).items() if value is not None})


def _override(raw: dict[str, Any], dotted: str, value: Any) -> None:
    first, *rest = dotted.split(".")
    *tables, key = (*renamed({first: value}), *rest)
    table = raw
    for part in tables:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise RecipeError(f"cannot set {dotted}: {part} is a value, not a table")
    table[key] = value


def _shipped() -> Traversable:
    return files("nitido_train") / "recipes"
