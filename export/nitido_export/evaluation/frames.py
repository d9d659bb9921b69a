"""Quality of a model file on clean pictures, by the field's protocols."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nitido.errors import SourceUnavailable
from nitido.frames import Frame
from nitido.inference.model import Model
from nitido_train.data import defects as blots
from nitido_train.data import degrade
from nitido_train.data.pictures import find_pictures, read_frame
from nitido_train.evaluation.metrics import psnr, psnr_y
from nitido_train.recipe.tables import recipe_from_dict


@dataclass(frozen=True)
class Condition:
    """One way of degrading a set of pictures. ``given`` goes into the model, ``score`` compares its result with
    ``clean`` in dB, ``baseline`` is what one has without a model. ``meant``: whether the network was made for it."""

    name: str
    metric: str
    given: list[Frame]
    clean: list[Frame]
    score: Callable[[Frame, Frame], float]
    baseline: Callable[[Frame], Frame]
    meant: bool = True

    def measure(self, restore: Callable[[Frame], Frame]) -> float:
        """Mean score in dB of ``restore`` over the pictures."""
        return float(np.mean([self.score(restore(g), c) for g, c in zip(self.given, self.clean, strict=True)]))

    def part(self, every: int, side: int) -> Condition:
        """Of every so many-th picture the upper left corner, ``side`` clean pixels wide and high: enough to rank."""

        def cut(pictures: list[Frame]) -> list[Frame]:
            shrunk = [len(c) // len(p) for p, c in zip(pictures[::every], self.clean[::every], strict=True)]
            return [p[: side // n, : side // n] for p, n in zip(pictures[::every], shrunk, strict=True)]

        return replace(self, given=cut(self.given), clean=cut(self.clean))


def conditions(task: str, scale: int, clean: Sequence[Frame], *, cameras: bool = False) -> list[Condition]:
    """Denoising: colour PSNR at Gaussian σ 15, 25, 50, for one that is meant for ``cameras`` behind those under the
    noise of ``degrade.CAMERAS``; the baseline is the noisy picture. Upscaling: luma PSNR without
    ``scale`` border pixels against antialiased bicubic shrinking; the baseline is bicubic enlargement. Reconstructing:
    colour PSNR of what is made of pictures with drawn blots; the baseline is the picture with the blots."""
    if task == "denoise":
        given = {f"gaussian sigma {sigma}": degrade.noisy(clean, sigma) for sigma in degrade.SIGMAS}
        white = [Condition(n, "PSNR", g, list(clean), psnr, _as_given, not cameras) for n, g in given.items()]
        if not cameras:
            return white
        given = {
            f"camera noise, {name}": [degrade.noisy_from(name, p, i) for i, p in enumerate(clean)]
            for name in degrade.CAMERAS
        }
        return [Condition(n, "PSNR", g, list(clean), psnr, _as_given) for n, g in given.items()] + white
    if task == "reconstruct":
        return [Condition("blots", "PSNR", blots.blemished(clean), list(clean), psnr, _as_given)]
    whole = [degrade.crop_to_multiple(p, scale) for p in clean]
    return [
        Condition(
            f"bicubic x{scale}",
            "PSNR-Y",
            [degrade.shrink(p, scale) for p in whole],
            whole,
            lambda a, b: psnr_y(a, b, scale),
            lambda given: degrade.enlarge(given, scale),
        )
    ]


def conditions_of(folder: Path, task: str, scale: int, *, cameras: bool = False) -> list[Condition]:
    """:func:`conditions` on the pictures of a folder; for a denoiser and a folder of pairs, the noise that is there.
    Raises ``SourceUnavailable``."""
    if task == "denoise" and (found := read_pairs(folder)):
        _names, given, clean = found
        return [Condition("real noise", "PSNR", given, clean, psnr, _as_given)]
    return conditions(task, scale, read_pictures(folder), cameras=cameras)


def read_pairs(folder: Path) -> tuple[list[str], list[Frame], list[Frame]] | None:
    """(names, noisy, clean) of a folder whose files come in pairs NAME_real and NAME_mean, one exposure and the mean of
    many (as those of Xu, Li, Liang, Zhang and Zhang's PolyU set, 2018); ``None`` for another folder. Raises
    ``SourceUnavailable``."""
    found = {path.stem: path for path in find_pictures([folder])}
    names = sorted({stem.removesuffix("_real").removesuffix("_mean") for stem in found})
    if sorted(found) != sorted(f"{name}_{kind}" for name in names for kind in ("mean", "real")):
        return None
    noisy, clean = ([_read(found[f"{name}_{kind}"]) for name in names] for kind in ("real", "mean"))
    return names, noisy, clean


def read_pictures(folder: Path) -> list[Frame]:
    """All pictures of a folder in the order of their names, uint8 BGR. Raises ``SourceUnavailable``."""
    return [_read(path) for path in find_pictures([folder])]


def _as_given(given: Frame) -> Frame:
    return given


def _read(path: Path) -> Frame:
    picture = read_frame(path)
    if picture is None:
        raise SourceUnavailable(f"{path} cannot be decoded: an evaluation needs every picture of its set")
    return picture


def evaluate_model(model: Model, folders: Sequence[Path]) -> list[dict[str, Any]]:
    """One row {set, condition, metric, value, baseline, pictures} for each folder and condition."""
    recipe = model.card.training.get("recipe")
    cameras = bool(recipe) and recipe_from_dict(recipe).for_cameras
    return [
        {
            "set": folder.name,
            "condition": condition.name,
            "metric": condition.metric,
            "value": round(condition.measure(model), 2),
            "baseline": round(condition.measure(condition.baseline), 2),
            "pictures": len(condition.clean),
        }
        for folder in folders
        for condition in conditions_of(folder, model.card.task, model.card.scale, cameras=cameras)
    ]
