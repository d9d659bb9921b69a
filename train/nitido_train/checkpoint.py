"""Checkpoints: everything a training needs to continue, in one file. It is written completely or not at all."""

from __future__ import annotations

import io
import warnings
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from nitido import __version__
from nitido.errors import CheckpointError, RecipeError
from nitido.model_file.zoo import entries, folders
from nitido.system.files import write_whole
from nitido_train.finite import ADVICE, first_not_finite
from nitido_train.nets.frame import FrameNet
from nitido_train.nets.latent import LatentNet
from nitido_train.nets.registry import build
from nitido_train.quantization.imitation import quantize_net
from nitido_train.quantization.ranges import Quantization
from nitido_train.recipe.schema import Recipe
from nitido_train.recipe.tables import recipe_from_dict

FORMAT = 1
FOLDER = "checkpoints"  # next to the models that were exported from them; in the source of nitido, not in its wheel


@dataclass
class Checkpoint:
    """The state of a training.

    step: steps done.
    net: the weights in training.
    ema: their moving average, which is used for results.
    best: best validation score so far, in the unit of the objective.
    history: one dict per validation.
    quantization: of a quantization-aware training, which trains the collapsed network.
    loss_sum: sum of the training loss since the last validation.
    facts: what an exported file should say about the training data, see ``Objective.describe``.
    licence, data: licence of the weights, and their training pictures in words, if known. A training that starts from a
    shipped model inherits them.
    """

    recipe: Recipe
    step: int
    net: dict[str, Any]
    ema: dict[str, Any]
    optimizer: dict[str, Any] = field(default_factory=dict)
    best: float = float("-inf")
    history: list[dict[str, float]] = field(default_factory=list)
    provenance: dict[str, Any] = field(default_factory=dict)
    quantization: Quantization | None = None
    loss_sum: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)
    licence: str = ""
    data: str = ""

    def fresh_net(self) -> nn.Module:
        """The untrained network that the weights belong to. Raises ``RecipeError`` for options that do not fit it."""
        net = build(self.recipe.net.kind, self.recipe.net.options)
        return quantize_net(cast(FrameNet, net), self.quantization) if self.quantization else net

    def averaged_net(self) -> nn.Module:
        """The network with the averaged weights, in eval mode, still with its training-time branches. Raises
        ``CheckpointError`` for weights that do not fit it or are not finite."""
        broken = first_not_finite(self.ema)
        if broken:
            raise CheckpointError(
                f"the weights of '{self.recipe.name}' are not finite ({broken} at step {self.step}): the training has "
                f"diverged; {ADVICE}"
            )
        try:
            net = self.fresh_net()
            net.load_state_dict(self.ema)
        except RecipeError as error:
            raise CheckpointError(str(error)) from error
        except RuntimeError as error:
            raise CheckpointError(f"these weights do not fit the network of recipe '{self.recipe.name}'") from error
        return net.eval()

    def frame_net(self) -> FrameNet:
        """:meth:`averaged_net` of a network from frame to frame. Raises ``CheckpointError`` for another one."""
        net = self.averaged_net()
        if not isinstance(net, FrameNet):
            raise CheckpointError(
                f"recipe '{self.recipe.name}' trains a {self.recipe.net.kind}; expected a network from frame to frame"
            )
        return net

    def latent_net(self) -> LatentNet:
        """:meth:`averaged_net` of an autoencoder. Raises ``CheckpointError`` for another network."""
        net = self.averaged_net()
        if not isinstance(net, LatentNet):
            raise CheckpointError(
                f"recipe '{self.recipe.name}' trains a {self.recipe.net.kind}; expected an autoencoder"
            )
        return net


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Writes atomically: a crash or a full disk leaves the previous file as it was. Raises ``SinkUnavailable``."""
    plain = {**checkpoint.__dict__, "recipe": asdict(checkpoint.recipe), "format": FORMAT}
    plain["quantization"] = asdict(checkpoint.quantization) if checkpoint.quantization else None
    # In memory first: on a full disk, the error of torch's own writer does not say what is wrong.
    content = io.BytesIO()
    torch.save(plain, content)
    write_whole(path, content.getvalue())


def load_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint. Raises ``CheckpointError``.

    path: a checkpoint file, a run folder (its ``best.pt``, or else its ``last.pt``), or the name of a shipped model,
    for the checkpoint it was exported from.
    """
    path = _of_model(path) or path
    if path.is_dir():
        found = [path / name for name in ("best.pt", "last.pt") if (path / name).is_file()]
        if not found:
            raise CheckpointError(
                f"no checkpoint in {path}: expected best.pt or last.pt, as 'nitido train' writes them"
            )
        path = found[0]
    if not path.is_file():
        raise _missing(path)
    plain = _loaded(path)
    if not isinstance(plain, dict) or plain.pop("format", None) != FORMAT:
        raise CheckpointError(f"{path} is not a checkpoint of 'nitido train' (format {FORMAT})")
    try:
        recipe = recipe_from_dict(plain.pop("recipe"))
        if plain.get("quantization"):
            plain["quantization"] = Quantization(**plain["quantization"])
        return Checkpoint(recipe=recipe, **plain)
    except (RecipeError, TypeError, KeyError) as error:
        raise CheckpointError(f"{path} was written by another version: {error}") from error


def _loaded(path: Path) -> Any:
    """The content of a file that torch wrote. Raises ``CheckpointError`` for an empty, truncated or foreign file."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
    if not content:
        raise CheckpointError(f"{path} is empty, because writing it was interrupted; choose another checkpoint")
    if content.startswith(b"PK") and not zipfile.is_zipfile(io.BytesIO(content)):
        raise CheckpointError(f"{path} is truncated after {len(content):,} bytes; copy it again or choose another one")
    try:
        # weights_only: a checkpoint from somebody else must not run code.
        with warnings.catch_warnings(action="ignore"):
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises any kind of exception for damaged files, and advises to switch safety off
        raise CheckpointError(f"{path} is not a checkpoint of 'nitido train', or damaged") from error


def _of_model(path: Path) -> Path | None:
    """The checkpoint of the model called ``path``, unless there is a file of that name."""
    if path.exists() or path.suffix or path.name != str(path):
        return None
    return next((file for file in _at_hand() if file.stem == path.name), None)


def _at_hand() -> list[Path]:
    """Checkpoints that lie next to models."""
    return [file for folder in folders() for file in sorted((folder / FOLDER).glob("*.pt"))]


def _missing(path: Path) -> CheckpointError:
    models = {entry.name.removesuffix(".encoder").removesuffix(".decoder") for entry in entries()}
    if str(path) in models and not path.suffix:
        return CheckpointError(
            f"no checkpoint of {path}: expected {FOLDER}/{path}.pt, found none in {', '.join(map(str, folders()))}; "
            f"wheels have no checkpoints: get the source of nitido {__version__} (a checkout, or "
            f"'pip download --no-deps --no-binary nitido nitido=={__version__}') and name its models/{FOLDER}/{path}.pt"
        )
    others = [file.stem for file in _at_hand()]
    known = f", a .pt file or one of {', '.join(others)}" if others else " or a .pt file"
    return CheckpointError(f"no such checkpoint: {path}; expected a run{known}")
