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

OPTIMIZERS = ("adam", "muon")
TASKS = ("denoise", "upscale", "reconstruct", "autoencode")


@dataclass(frozen=True)
class NetRecipe:
    """Which network (``nitido_train.nets.NETS``) and its constructor's options."""

    kind: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DataRecipe:
    """How patches are cut. ``patch``: side of the target patch in pixels. ``batch``: patches per step. ``edges``: share
    of patches, 0..1, that are the most detailed of three draws instead of the first. ``turn``: flip and turn patches at
    random; not for pictures whose upside-down is another thing. ``zoom``: range of sizes, of 1, at which a share
    ``zoomed``, 0..1, of the pictures is seen: smaller ones are sharper, with more to a pixel, larger ones softer, as a
    camera's pictures are at full size. ``jpeg``: share of the patches that are compressed before anything else, at a
    quality drawn from ``jpeg_quality``: with colour at half the size, as most pictures are that people have."""

    patch: int = 96
    batch: int = 16
    edges: float = 0.5
    turn: bool = True
    zoom: tuple[float, float] = (1.0, 1.0)
    zoomed: float = 1.0
    jpeg: float = 0.0
    jpeg_quality: tuple[int, int] = (80, 98)

    def __post_init__(self) -> None:
        if not (0 <= self.jpeg <= 1 and 1 <= self.jpeg_quality[0] <= self.jpeg_quality[1] <= 100):
            raise RecipeError(
                f"[data] expects 0 <= jpeg <= 1 and jpeg_quality [low, high] in 1..100; found jpeg={self.jpeg}, "
                f"jpeg_quality={list(self.jpeg_quality)}"
            )
        if not 0 < self.zoom[0] <= self.zoom[1]:
            raise RecipeError(f"[data] zoom expects [low, high] with 0 < low <= high; found {list(self.zoom)}")
        if self.patch < 16 or self.batch < 1 or not 0 <= self.edges <= 1 or not 0 <= self.zoomed <= 1:
            raise RecipeError(
                f"[data] expects patch >= 16, batch >= 1, 0 <= edges <= 1, 0 <= zoomed <= 1; found patch={self.patch}, "
                f"batch={self.batch}, edges={self.edges}, zoomed={self.zoomed}"
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
class LatentRecipe:
    """What an autoencoder is asked for, see :mod:`nitido_train.objectives.latents`.

    reconstruction: ``bce`` (pixels as probabilities) or ``mse``. beta: weight of the KL divergence (Higgins et al.,
    beta-VAE, 2017), reached linearly over the first ``beta_warmup`` steps. binarize: draw each pixel black or white
    with its own brightness as the chance, anew every time (Salakhutdinov and Murray, 2008), which makes the likelihood
    of a VAE a proper one. noise: standard deviation, in 0..1 of full scale, of Gaussian noise on what a denoising
    autoencoder is given. masked: largest share of the picture that a random rectangle on top of it hides. adversary:
    weight of the discriminator's verdict in an adversarial autoencoder. mirror: whether every second picture, drawn at
    random, is given and asked for mirrored left to right. leave_out: labels whose examples are not
    trained on.
    """

    reconstruction: str = "bce"
    beta: float = 1.0
    beta_warmup: int = 0
    binarize: bool = False
    noise: float = 0.0
    masked: float = 0.0
    adversary: float = 0.05
    mirror: bool = False
    leave_out: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.reconstruction not in ("bce", "mse"):
            raise RecipeError(f"[latent] reconstruction expects 'bce' or 'mse'; found '{self.reconstruction}'")
        if min(self.beta, self.beta_warmup, self.noise, self.adversary) < 0 or not 0 <= self.masked < 1:
            raise RecipeError("[latent] expects beta, beta_warmup, noise, adversary >= 0 and 0 <= masked < 1")

    def warmup_factor(self, step: int) -> float:
        """How much of ``beta`` and of the adversary counts at a step: 0..1."""
        return min(1.0, (step + 1) / self.beta_warmup) if self.beta_warmup else 1.0


@dataclass(frozen=True)
class BlotRecipe:
    """The blemishes that a network for finding anomalies learns to take away, see :mod:`nitido_train.data.defects`.

    count: fewest and most on a patch. size: shortest and longest in pixels. clean: share of patches without any.
    rooted: share of blots that grow from an edge of the picture: spurs, bites, bridges, gaps.
    foreign: share of blots in a colour that the picture need not have. sigma: range of the standard deviation of
    Gaussian noise on all of it, in 8-bit levels.
    """

    count: tuple[int, int] = (1, 4)
    size: tuple[float, float] = (4.0, 48.0)
    clean: float = 0.1
    rooted: float = 0.4
    foreign: float = 0.1
    sigma: tuple[float, float] = (0.0, 4.0)

    def __post_init__(self) -> None:
        if not 1 <= self.count[0] <= self.count[1]:
            raise RecipeError(f"[blots] count expects [low, high] with 1 <= low <= high; found {list(self.count)}")
        if not 2 <= self.size[0] <= self.size[1]:
            raise RecipeError(f"[blots] size expects [low, high] with 2 <= low <= high; found {list(self.size)}")
        if not (0 <= self.clean < 1 and 0 <= self.rooted <= 1 and 0 <= self.foreign <= 1):
            raise RecipeError(
                f"[blots] clean, rooted and foreign are shares in 0..1, not all clean; found {self.clean}, "
                f"{self.rooted} and {self.foreign}"
            )
        if not 0 <= self.sigma[0] <= self.sigma[1]:
            raise RecipeError(f"[blots] sigma expects [low, high] with 0 <= low <= high; found {list(self.sigma)}")


@dataclass(frozen=True)
class Schedule:
    """How long and how fast. Learning rate: linear warm-up over ``warmup`` steps, then a cosine from ``lr`` to
    ``final_lr`` at ``steps``. ``optimizer``: ``adam``, or ``muon`` (:mod:`nitido_train.training.muon`) for convolutions
    without normalisation, at about ten times Adam's rate. ``ema``: decay of the averaged weights, which are the ones
    kept. ``clip``: largest norm of the gradient. ``validate_every``: steps between validations. ``patience``:
    validations without a better score after which the training ends early; 0: never."""

    steps: int
    lr: float = 1e-3
    final_lr: float = 1e-6
    warmup: int = 500
    optimizer: str = "adam"
    loss: str = "charbonnier"
    ema: float = 0.999
    clip: float = 1.0
    validate_every: int = 2000
    patience: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.validate_every < 1 or min(self.warmup, self.patience) < 0:
            raise RecipeError("[schedule] expects steps, validate_every >= 1 and warmup, patience >= 0")
        if self.optimizer not in OPTIMIZERS:
            raise RecipeError(f"[schedule] optimizer expects one of {', '.join(OPTIMIZERS)}; found '{self.optimizer}'")
        if not 0 < self.final_lr <= self.lr:
            raise RecipeError(f"[schedule] expects 0 < final_lr <= lr; found lr={self.lr}, final_lr={self.final_lr}")


@dataclass(frozen=True)
class Recipe:
    """One training. ``name`` becomes the model's name, ``task`` the job it does: ``denoise``, ``upscale``, or
    ``autoencode`` for all that go through a latent space. ``qat``: the schedule of quantization-aware fine-tuning
    (``nitido train --qat``)."""

    name: str
    task: str
    summary: str
    net: NetRecipe
    schedule: Schedule
    seed: int = 0
    data: DataRecipe = field(default_factory=DataRecipe)
    noise: NoiseRecipe | None = None
    blots: BlotRecipe | None = None
    latent: LatentRecipe | None = None
    qat: Schedule | None = None

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise RecipeError(f"task expects one of {', '.join(TASKS)}; found '{self.task}'")
        for table, task in (("noise", "denoise"), ("blots", "reconstruct"), ("latent", "autoencode")):
            if (self.task == task) != (getattr(self, table) is not None):
                raise RecipeError(f"a recipe has a [{table}] table exactly when its task is '{task}'")

    @property
    def scale(self) -> int:
        return int(self.net.options.get("scale", 2 if self.task == "upscale" else 1))

    @property
    def for_cameras(self) -> bool:
        """Whether it is a denoiser for cameras, not for white noise."""
        return self.noise is not None and self.noise.camera >= 0.5


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
    raise RecipeError(f"'{where}' expects {hint}; found {value!r}")
