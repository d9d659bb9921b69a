"""Autoencoders small enough to train or export within a test, and something to train them on."""

from __future__ import annotations

import gzip
import struct
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from nitido_train.checkpoint import Checkpoint
    from nitido_train.recipe.schema import Recipe

SIDE = 16


def tiny_latent(kind: str = "vae", channels: int = 1, **changes: Any) -> Recipe:
    """A recipe for 16×16 pictures and two to three latent dimensions. changes: of the tables ``latent`` and
    ``schedule``."""
    from nitido_train.recipe.tables import recipe_from_dict

    options: dict[str, Any] = {"height": SIDE, "width": SIDE, "channels": channels, "latent": 3, "widths": [4, 8]}
    raw: dict[str, Any] = {
        "name": f"tiny-{kind}",
        "task": "autoencode",
        "summary": "for tests",
        "net": {"kind": kind, "options": {**options, "hidden": 16}},
        "data": {"batch": 8},
        "latent": {"noise": 0.1 if kind == "denoising-autoencoder" else 0.0, **changes.pop("latent", {})},
        "schedule": {"steps": 6, "warmup": 2, "validate_every": 3, **changes},
    }
    return recipe_from_dict(raw)


def random_latent_checkpoint(kind: str, channels: int = 1) -> Checkpoint:
    """Untrained weights with facts as a training leaves them; a ``cvae`` knows the classes a, b and c."""
    import torch

    from nitido_train.checkpoint import Checkpoint
    from nitido_train.nets.registry import build

    recipe = tiny_latent(kind, channels)
    if kind == "cvae":
        net = replace(recipe.net, options={**recipe.net.options, "labels": ["a", "b", "c"]})
        recipe = replace(recipe, net=net)
    torch.manual_seed(5)
    net = build(recipe.net.kind, recipe.net.options)
    with torch.no_grad():
        for weights in net.parameters():
            weights.mul_(2)  # so that every layer shows in the output
    examples = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (2, SIDE, SIDE, channels), np.uint8))
    facts = {"mean": [0.1, 0.2, 0.3], "std": [1.0, 2.0, 3.0], "examples": examples, "example_labels": [0, 2]}
    return Checkpoint(recipe=recipe, step=0, net=net.state_dict(), ema=net.state_dict(), facts=facts)


def write_digits(folder: Path, count: int = 60) -> Path:
    """Squares and discs of many places and sizes as MNIST's files, labelled 0 and 1."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(2)
    pictures = np.zeros((count, SIDE, SIDE), np.uint8)
    for number, picture in enumerate(pictures):
        x, y, radius = (int(v) for v in rng.integers((5, 5, 2), (11, 11, 5)))
        if number % 2:
            cv2.circle(picture, (x, y), radius, 255, -1)
        else:
            cv2.rectangle(picture, (x - radius, y - radius), (x + radius, y + radius), 200, -1)
    labels = (np.arange(count) % 2).astype(np.uint8)
    head = struct.pack(">4I", 0x803, count, SIDE, SIDE)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + pictures.tobytes()))
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(
        gzip.compress(struct.pack(">2I", 0x801, count) + labels.tobytes())
    )
    return folder


def write_class_folders(folder: Path) -> Path:
    """Two folders of coloured pictures of several sizes, and one picture that cannot be read."""
    rng = np.random.default_rng(3)
    for name, colour in (("blue", (255, 0, 0)), ("red", (0, 0, 255))):
        (folder / name).mkdir(parents=True)
        for number in range(8):
            sides = rng.integers(20, 40, 2)
            picture = np.full((*sides, 3), colour, np.uint8)
            cv2.circle(picture, (int(sides[1]) // 2, 10), 4 + number % 3, (255, 255, 255), -1)
            cv2.imwrite(str(folder / name / f"{number}.png"), picture)
    (folder / "red" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    return folder
