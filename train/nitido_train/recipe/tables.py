"""Makes a recipe from plain tables, such as those in a TOML file, a checkpoint or a model's card.

Unknown keys, missing keys and values of another type are refused, and the message says what is allowed.
``docs/development/adr/0004-recipes-and-cards-share-a-schema.md`` says why this does not use a library.
"""

from __future__ import annotations

import types
import typing
from dataclasses import fields, is_dataclass
from typing import Any

from nitido.errors import RecipeError
from nitido_train.recipe.schema import Recipe

_OTHER_NAMES = {"defects": "blots"}  # tables that may have a different name than in checkpoints and cards

_WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def recipe_from_dict(raw: dict[str, Any]) -> Recipe:
    """Raises ``RecipeError``."""
    return _fill(Recipe, renamed(raw), "")


def renamed(raw: dict[str, Any]) -> dict[str, Any]:
    """The same tables with the names of :class:`Recipe`. Raises ``RecipeError`` if a table occurs with both of its
    names."""
    twice = [name for name, own in _OTHER_NAMES.items() if name in raw and own in raw]
    if twice:
        raise RecipeError(f"[{twice[0]}] and [{_OTHER_NAMES[twice[0]]}] are the same table; leave one of them out")
    return {_OTHER_NAMES.get(name, name): value for name, value in raw.items()}


def _fill(kind: type, raw: dict[str, Any], where: str) -> Any:
    """Builds dataclass ``kind`` from a table. where: the table's own place, such as ``net.``, for messages."""
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(raw) - set(hints))
    if unknown:
        raise RecipeError(f"unknown key '{where}{unknown[0]}' in the recipe; known here: {', '.join(sorted(hints))}")
    values = {key: _convert(hints[key], value, where + key) for key, value in raw.items()}
    # A field without any default holds the MISSING sentinel in both places.
    required = [f.name for f in fields(kind) if f.name not in values and f.default is f.default_factory]
    if required:
        raise RecipeError(f"the recipe has no '{where}{required[0]}', which is required")
    return kind(**values)


def _convert(hint: Any, value: Any, where: str) -> Any:
    """Converts a value to the type of a recipe's field: a table's class, a number, a text or a list, each optional."""
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        hint = next(a for a in typing.get_args(hint) if a is not type(None))
        origin = typing.get_origin(hint)
    if isinstance(hint, type) and is_dataclass(hint):
        if not isinstance(value, dict):
            raise RecipeError(f"'{where}' expects a table; found {value!r}")
        return _fill(hint, value, where + ".")
    if origin is tuple:
        inner = typing.get_args(hint)
        if isinstance(value, (list, tuple)) and len(value) == len(inner):
            return tuple(_convert(h, v, where) for h, v in zip(inner, value, strict=True))
    elif origin is list:
        inner = typing.get_args(hint)[0]
        if isinstance(value, (list, tuple)):
            return [_convert(inner, v, where) for v in value]
    elif origin is dict:
        if isinstance(value, dict):
            return dict(value)
    elif hint is float:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
    elif isinstance(hint, type) and isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    raise RecipeError(f"'{where}' expects {_words(hint)}; found {value!r}")


def _words(hint: Any) -> str:
    """A type in words."""
    if hint in _WORDS:
        return _WORDS[hint]
    inner = typing.get_args(hint)
    return (
        f"a list of {len(inner)} values" if typing.get_origin(hint) is tuple else f"a {getattr(hint, '__name__', hint)}"
    )
