"""Compares several runs on one page: scores next to each other, and autoencoders with PCA of several sizes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from nitido.errors import RecipeError
from nitido.system.files import write_whole
from nitido_train.charts.figures import Figure, Table
from nitido_train.charts.latents import net_error, pca_figure
from nitido_train.charts.pca import Error
from nitido_train.charts.plots import TITLES, lines_chart
from nitido_train.checkpoint import Checkpoint
from nitido_train.objectives.latents import LatentObjective
from nitido_train.objectives.objective import Objective
from nitido_train.reports import html
from nitido_train.reports.run import amount, pictures_of
from nitido_train.reports.run_folder import Run

RECONSTRUCTIONS = {"given_restored", "given_restored_clean"}


@dataclass(frozen=True)
class Compared:
    """A run that has a best checkpoint, and its objective with the data read."""

    run: Run
    objective: Objective

    @property
    def latent_size(self) -> int:
        return int(self.run.recipe.net.options.get("latent", 0))


def write_comparison(path: Path, compared: Sequence[Compared], device: torch.device) -> list[list[str]]:
    """Writes the page and returns the table of autoencoders compared with PCA, which is empty without autoencoders.

    Raises ``RecipeError`` when runs were trained on different data, ``SinkUnavailable``.
    """
    names = _names([one.run for one in compared])
    latents = {
        name: one for name, one in zip(names, compared, strict=True) if isinstance(one.objective, LatentObjective)
    }
    linear = _against_pca(latents, device)
    grids: dict[str, Figure] = {}
    for name, one in zip(names, compared, strict=True):
        found = pictures_of(_best(one.run), one.objective, device)
        for kind in RECONSTRUCTIONS & found.keys():
            grids[name] = replace(found[kind], caption=f"{name}: {found[kind].caption}")
    table = linear.table if linear and linear.table else []
    page = html.render_page(
        "comparison",
        names=names,
        linear=html.images({"pca": linear} if linear else {}),
        linear_table=html.cells(table, text=(0, 6), gain=3),
        runs=html.cells(_runs(names, compared), text=(0, 1)),
        courses=html.images(_courses(names, compared)),
        pictures=html.images(grids),
    )
    write_whole(path, page)
    return table


def _against_pca(latents: Mapping[str, Compared], device: torch.device) -> Figure | None:
    if not latents:
        return None
    (first_name, first), *others = latents.items()
    for name, one in others:
        if _data(one) != _data(first):
            raise RecipeError(
                f"{first_name} and {name} were trained on different data or sizes of pictures; compare runs of the same"
            )
    lines: dict[str, list[Error]] = {}
    kinds = Counter((one.run.recipe.net.kind, one.latent_size) for one in latents.values())
    for name, one in latents.items():
        objective, kind = one.objective, one.run.recipe.net.kind
        assert isinstance(objective, LatentObjective)
        line = kind if kinds[kind, one.latent_size] == 1 else name
        net = _best(one.run).latent_net().to(device)
        lines.setdefault(line, []).append(net_error(net, objective.held_out, device))
    objective = first.objective
    assert isinstance(objective, LatentObjective)
    return pca_figure(lines, objective.examples, objective.held_out)


def _data(one: Compared) -> tuple[object, ...]:
    """A key that is equal for autoencoders with the same training and validation pictures."""
    objective = one.objective
    assert isinstance(objective, LatentObjective)
    ends = [part.pictures([0, len(part) - 1]).tobytes() for part in (objective.examples, objective.held_out)]
    return len(objective.examples), len(objective.held_out), *ends


def _names(runs: Sequence[Run]) -> list[str]:
    """The names of the folders if they are all different, else their paths."""
    short = [run.folder.resolve().name for run in runs]
    return short if len(set(short)) == len(short) else [str(run.folder) for run in runs]


def _runs(names: Sequence[str], compared: Sequence[Compared]) -> Table:
    scores = list(dict.fromkeys(key for one in compared for key in _scores(one.run)))
    table = [["run", "network", "steps", "best at", *scores]]
    for name, one in zip(names, compared, strict=True):
        found, options = _scores(one.run), one.run.recipe.net.options
        network = one.run.recipe.net.kind + (f", latent {options['latent']}" if "latent" in options else "")
        table.append(
            [
                name,
                network,
                f"{one.run.last.step:,}",
                f"{_best(one.run).step:,}",
                *(amount(score, found[score]) if score in found else "" for score in scores),
            ]
        )
    return table


def _best(run: Run) -> Checkpoint:
    assert run.best is not None
    return run.best


def _scores(run: Run) -> dict[str, float]:
    return {name: value for name, value in _best(run).history[-1].items() if name not in ("step", "lr")}


def _courses(names: Sequence[str], compared: Sequence[Compared]) -> dict[str, Figure]:
    """A chart for each validation figure that all runs have, with a line for each run."""
    found = {}
    for key in _scores(compared[0].run):
        if all(key in _scores(one.run) for one in compared):
            lines = {
                name: ([row["step"] for row in one.run.history], [row.get(key, math.nan) for row in one.run.history])
                for name, one in zip(names, compared, strict=True)
            }
            title = TITLES.get(key, key)
            chart = lines_chart(lines, title, falls=key in ("loss", "kl"))
            found[f"course_{key}"] = Figure(chart, chart=True)
    return found
