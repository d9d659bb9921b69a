"""Training recipes: what a TOML file may say, checked before the first picture is read."""

from __future__ import annotations

import tomllib
import types
import typing
from dataclasses import dataclass, field, fields, is_dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from nitido.errors import RecipeError


@dataclass(frozen=True)
class NetRecipe:
    """Which network (``nitido_train.nets.NETS``) and its constructor's options."""

    kind: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DataRecipe:
    """How patches are cut. ``patch``: side of the target patch in pixels. ``batch``: patches per step. ``edges``: share
    of patches, 0..1, that are the most detailed of three draws instead of the first."""

    patch: int = 96
    batch: int = 16
    edges: float = 0.5

    def __post_init__(self) -> None:
        if self.patch < 16 or self.batch < 1 or not 0 <= self.edges <= 1:
            raise RecipeError(
                f"[data] expects patch >= 16, batch >= 1, 0 <= edges <= 1; found patch={self.patch}, "
                f"batch={self.batch}, edges={self.edges}"
            )


@dataclass(frozen=True)
class NoiseRecipe:
    """The noise a denoiser learns to remove. ``sigma``: range of the Gaussian standard deviation in 8-bit levels, drawn
    uniformly. ``camera``: share of patches that get camera-like noise instead. ``jpeg``: share of the camera patches
    that are JPEG-compressed afterwards, at a quality drawn from ``jpeg_quality``."""

    sigma: tuple[float, float] = (0.0, 55.0)
    camera: float = 0.25
    jpeg: float = 0.5
    jpeg_quality: tuple[int, int] = (60, 98)

    def __post_init__(self) -> None:
        if not 0 <= self.sigma[0] <= self.sigma[1]:
            raise RecipeError(f"[noise] sigma expects [low, high] with 0 <= low <= high; found {list(self.sigma)}")
        if not (0 <= self.camera <= 1 and 0 <= self.jpeg <= 1):
            raise RecipeError(f"[noise] camera and jpeg are shares in 0..1; found {self.camera} and {self.jpeg}")
        if not 1 <= self.jpeg_quality[0] <= self.jpeg_quality[1] <= 100:
            raise RecipeError(f"[noise] jpeg_quality expects [low, high] in 1..100; found {list(self.jpeg_quality)}")


@dataclass(frozen=True)
class Schedule:
    """How long and how fast. Learning rate: linear warm-up over ``warmup`` steps, then a cosine from ``lr`` to
    ``final_lr`` at ``steps``. ``ema``: decay of the averaged weights, which are the ones kept. ``clip``: largest norm
    of the gradient. ``validate_every``: steps between validations."""

    steps: int
    lr: float = 1e-3
    final_lr: float = 1e-6
    warmup: int = 500
    loss: str = "charbonnier"
    ema: float = 0.999
    clip: float = 1.0
    validate_every: int = 2000

    def __post_init__(self) -> None:
        if self.steps < 1 or self.validate_every < 1 or self.warmup < 0:
            raise RecipeError("[schedule] expects steps >= 1, validate_every >= 1 and warmup >= 0")
        if not 0 < self.final_lr <= self.lr:
            raise RecipeError(f"[schedule] expects 0 < final_lr <= lr; found lr={self.lr}, final_lr={self.final_lr}")


@dataclass(frozen=True)
class Recipe:
    """One training. ``name`` becomes the model's name, ``task`` the job it does (``denoise`` or ``upscale``).
    ``qat``: the schedule of quantization-aware fine-tuning (``nitido train --qat``)."""

    name: str
    task: str
    summary: str
    net: NetRecipe
    schedule: Schedule
    seed: int = 0
    data: DataRecipe = field(default_factory=DataRecipe)
    noise: NoiseRecipe | None = None
    qat: Schedule | None = None

    def __post_init__(self) -> None:
        if self.task not in ("denoise", "upscale"):
            raise RecipeError(f"task expects 'denoise' or 'upscale'; found '{self.task}'")
        if (self.task == "denoise") != (self.noise is not None):
            raise RecipeError("a recipe has a [noise] table exactly when its task is 'denoise'")

    @property
    def scale(self) -> int:
        return int(self.net.options.get("scale", 2 if self.task == "upscale" else 1))


def recipe_names() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(Path(entry.name).stem for entry in _shipped().iterdir() if entry.name.endswith(".toml"))


def load_recipe(name_or_path: str, overrides: dict[str, Any] | None = None) -> Recipe:
    """Reads a recipe by shipped name or path of a ``.toml`` file and applies ``{"schedule.steps": 10}`` overrides.

    Raises ``RecipeError`` when it is missing, not TOML, or has an unknown key or a value of the wrong type.
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
    for dotted, value in (overrides or {}).items():
        *tables, key = dotted.split(".")
        table = raw
        for part in tables:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise RecipeError(f"cannot set {dotted}: {part} is a value, not a table")
        table[key] = value
    return recipe_from_dict(raw)


def recipe_from_dict(raw: dict[str, Any]) -> Recipe:
    """A recipe from plain values, as TOML or a checkpoint gives them. Raises ``RecipeError``."""
    return _fill(Recipe, raw, "")


def _shipped() -> Any:
    return files("nitido_train") / "recipes"


def _fill(kind: type, raw: dict[str, Any], where: str) -> Any:
    """Builds dataclass ``kind`` from a table, refusing unknown, missing and wrongly typed keys."""
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(raw) - set(hints))
    if unknown:
        raise RecipeError(f"unknown key '{where}{unknown[0]}' in the recipe; known here: {', '.join(sorted(hints))}")
    values = {key: _convert(hints[key], value, where + key) for key, value in raw.items()}
    # A field without any default holds the MISSING sentinel in both places.
    required = [f.name for f in fields(kind) if f.name not in values and f.default is f.default_factory]
    if required:
        raise RecipeError(f"the recipe lacks '{where}{required[0]}'")
    return kind(**values)


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        hint = next(a for a in typing.get_args(hint) if a is not type(None))
        origin = typing.get_origin(hint)
    if isinstance(hint, type) and is_dataclass(hint):
        if isinstance(value, dict):
            return _fill(hint, value, where + ".")
    elif origin is tuple:
        inner = typing.get_args(hint)
        if isinstance(value, (list, tuple)) and len(value) == len(inner):
            return tuple(_convert(h, v, where) for h, v in zip(inner, value, strict=True))
    elif origin is dict:
        if isinstance(value, dict):
            return dict(value)
    elif hint is float:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
    elif isinstance(hint, type) and isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    raise RecipeError(f"'{where}' expects {hint}; found {value!r}")
