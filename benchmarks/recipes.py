"""Trains the recipes for small pictures for a few minutes each and compares them with PCA and with the mean picture.

    python benchmarks/recipes.py --digits MNIST --photos FOLDER --icons FOLDER --scans FOLDER --minutes 2
        [--recipe vae]... [--only photos]... [--set net.options.latent=16]... [--out docs/reference]

Each recipe keeps its default settings, but for the number of steps: as many as the machine does in the given time, and
warm-ups of a tenth of them where the recipe's are longer. A tenth of the pictures is held out, and the PSNR is of
those, undamaged. The mean picture and PCA are of the same training pictures. PCA has as many components as the latent
has numbers. A conditional recipe is trained only where pictures have labels. Results are written to recipes.json after
each training, and the page is made from that file: further runs add to it.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import click
import numpy as np
import torch

from nitido.system.files import write_whole
from nitido_train.charts.latents import net_error
from nitido_train.charts.pca import ErrorMeter, affordable, pca_errors, principal_components, unit
from nitido_train.checkpoint import Checkpoint, load_checkpoint
from nitido_train.cli.train import parse_overrides
from nitido_train.data.examples import Bytes, Examples
from nitido_train.nets.latent import LatentNet
from nitido_train.objectives.latents import LatentObjective
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.files import load_recipe
from nitido_train.recipe.schema import Recipe
from nitido_train.training.loop import train
from nitido_train.training.muon import Muon

ROOT = Path(__file__).parents[1]
RECIPES = ("autoencoder", "denoising-autoencoder", "vae", "cvae", "aae")
KINDS = {
    "digits": "Files of MNIST",
    "photos": "A folder of photos",
    "icons": "Icons with transparency",
    "scans": "Grey scans",
}
TRIED = 30  # steps that are timed first
AT_ONCE = 500


def shortened(recipe: Recipe, steps: int) -> Recipe:
    schedule = replace(
        recipe.schedule, steps=steps, validate_every=steps, warmup=min(recipe.schedule.warmup, steps // 10)
    )
    assert recipe.latent is not None
    latent = replace(recipe.latent, beta_warmup=min(recipe.latent.beta_warmup, steps // 10))
    return replace(recipe, schedule=schedule, latent=latent)


def steps_within(objective: LatentObjective, options: RunOptions, seconds: float) -> int:
    """How many steps the machine does in that time, by its first ones."""
    net = objective.first_net(Checkpoint(objective.recipe, 0, {}, {}), options).requires_grad_(True)
    optimizer = Muon(net.parameters(), lr=objective.recipe.schedule.lr)
    since = 0.0
    for step, batch in enumerate(objective.batches(0, 0, 1, 0)):
        if step == 3:
            since = time.monotonic()
        if step == TRIED:
            break
        objective.loss(net, batch, step, torch.device("cpu")).backward()
        optimizer.step()
        optimizer.zero_grad()
    return max(50, round(seconds * (TRIED - 3) / (time.monotonic() - since)))


def references(objective: LatentObjective, latent: int) -> tuple[float, float, int]:
    """PSNR of the mean picture and of PCA, and the components of PCA: fewer where there are few pictures."""
    held_out = objective.held_out
    values = held_out.pictures([0])[0].size
    learn = affordable(objective.examples, values)
    size = min(latent, len(learn) - 1)
    components = principal_components(parts(learn), len(learn), values, size)
    meter = ErrorMeter()
    for batch in parts(held_out):
        meter.add(np.broadcast_to(components.mean, unit(batch).shape), unit(batch))
    return meter.error(0).psnr, pca_errors(components, parts(held_out), [size])[0].psnr, size


def parts(examples: Examples) -> Iterator[Bytes]:
    for start in range(0, len(examples), AT_ONCE):
        yield examples.pictures(np.arange(start, min(len(examples), start + AT_ONCE)))


def measure(name: str, data: Path, minutes: float, overrides: dict[str, object]) -> dict[str, Any] | None:
    """One training. ``None``: the recipe needs labels, and there are none."""
    recipe = load_recipe(name, overrides)
    with tempfile.TemporaryDirectory() as folder:
        options = RunOptions(Path(folder) / "run", (data,), workers=0, accelerator="cpu", progress=False)
        try:
            objective = LatentObjective(recipe, options)
        except Exception as error:
            if "expects labels" in str(error):
                return None
            raise
        steps = steps_within(objective, options, 60 * minutes)
        since = time.monotonic()
        train(shortened(recipe, steps), options)
        seconds = time.monotonic() - since
        net = cast(LatentNet, load_checkpoint(options.out / "best.pt").averaged_net())
    mean, pca, size = references(objective, net.latent)
    asked = objective.recipe.latent
    assert asked is not None
    ways = [*(["mirrored"] if asked.mirror else []), *(["cropped"] if asked.crop else [])]
    return {
        "recipe": name,
        "examples": len(objective.examples),
        "held_out": len(objective.held_out),
        "size": f"{net.width}×{net.height}×{net.channels}",
        "latent": net.latent,
        "components": size,
        "augmented": " and ".join(ways),
        "steps": steps,
        "seconds": round(seconds),
        "mean": mean,
        "pca": pca,
        "psnr": net_error(net, objective.held_out, torch.device("cpu")).psnr,
    }


def page(results: dict[str, list[dict[str, Any]]]) -> str:
    lines = [
        "# Benchmarks: recipes for small pictures",
        "",
        "Made by `python benchmarks/recipes.py` from `recipes.json`. Each recipe has its default settings, but for the",
        "number of steps. PSNR in dB of held-out pictures, undamaged, after a training of so many seconds. It had one",
        "core of a machine that did other work too, so the number of steps says more than the time. The mean picture",
        "and PCA are of the same training pictures. PCA has as many components as the latent has numbers, fewer where",
        "there are fewer pictures.",
    ]
    for data, rows in results.items():
        first = rows[0]
        lines += [
            "",
            f"## {KINDS[data]}",
            "",
            f"{first['examples']} to learn from, {first['held_out']} held out, {first['size']} "
            f"(width×height×channels){', ' + first['augmented'] + ' at random' if first['augmented'] else ''}. "
            f"Mean picture {first['mean']:.2f} dB.",
            "",
            "| recipe | latent | steps | seconds | PSNR | above the mean picture | PCA | above PCA |",
            "|---|--:|--:|--:|--:|--:|--:|--:|",
        ]
        lines += [
            f"| `{r['recipe']}` | {r['latent']} | {r['steps']} | {r['seconds']} | {r['psnr']:.2f} "
            f"| {r['psnr'] - r['mean']:+.2f} | {r['pca']:.2f} | {r['psnr'] - r['pca']:+.2f} |"
            for r in rows
        ]
    return "\n".join(lines) + "\n"


@click.command(context_settings={"show_default": True})
@click.option("--digits", type=click.Path(path_type=Path, exists=True), help="Folder with MNIST's files.")
@click.option("--photos", type=click.Path(path_type=Path, exists=True), help="Folder of photos.")
@click.option("--icons", type=click.Path(path_type=Path, exists=True), help="Folder of icons with transparency.")
@click.option("--scans", type=click.Path(path_type=Path, exists=True), help="Folder of grey scans.")
@click.option("--recipe", "recipes", multiple=True, type=click.Choice(RECIPES), default=RECIPES)
@click.option("--minutes", type=float, default=2.0, help="Time of each training.")
@click.option("--set", "overrides", multiple=True, callback=parse_overrides, help="As of nitido train.")
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "docs/reference", help="Folder of the page.")
def main(
    digits: Path | None,
    photos: Path | None,
    icons: Path | None,
    scans: Path | None,
    recipes: Sequence[str],
    minutes: float,
    overrides: dict[str, object],
    out: Path,
) -> None:
    torch.set_num_threads(1)
    stored = out / "recipes.json"
    results: dict[str, list[dict[str, Any]]] = json.loads(stored.read_text()) if stored.is_file() else {}
    for kind, folder in (("digits", digits), ("photos", photos), ("icons", icons), ("scans", scans)):
        if folder is None:
            continue
        for name in recipes:
            row = measure(name, folder, minutes, overrides)
            if row is None:
                continue
            known = {r["recipe"]: r for r in results.get(kind, [])} | {name: row}
            results[kind] = [known[r] for r in RECIPES if r in known]
            print(kind, row, flush=True)
            write_whole(stored, (json.dumps(results, indent=1) + "\n").encode())
            write_whole(out / "recipes.md", page({k: results[k] for k in KINDS if k in results}).encode())


if __name__ == "__main__":
    main()
