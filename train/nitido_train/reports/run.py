"""``report.html``: one run on one page, with its pictures, its curves, and how to repeat it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from nitido.system.files import write_whole
from nitido_train.charts.figures import Figure, Table
from nitido_train.charts.plots import curves
from nitido_train.checkpoint import Checkpoint
from nitido_train.objectives.objective import Objective
from nitido_train.reports import html
from nitido_train.reports.run_folder import Run, train_command

CAPTIONS = {
    "given_restored": "Held-out examples: originals above, reconstructions below.",
    "given_restored_clean": "Held-out examples: input, result, and original.",
}
# Figures with their own section. All others come first.
SPACE = ("latents", "manifold", "samples")
LINEAR = "pca"
UNITS = {"psnr": "dB", "elbo": "nats", "reconstruction": "nats", "kl": "nats"}


def write_report(run: Run, objective: Objective | None, device: torch.device) -> dict[str, Figure]:
    """Draws the final figures of a run's best checkpoint. Writes them to ``figures/`` and the page to ``report.html``.

    objective: that of the run, with its data read. Without it, the pictures are those of the last validation in the
    folder. Raises ``SinkUnavailable``, and any error of drawing.
    """
    shown = {**drawn(run, objective, device), **curves(run.history, run.score)}
    for name, figure in shown.items():
        write_whole(run.folder / "figures" / f"{name}.png", html.png(figure.picture))
    summary = objective.summary if objective else run.settings.summary if run.settings else ""
    write_whole(run.folder / "report.html", _page(run, shown, summary, complete=objective is not None))
    return shown


def drawn(run: Run, objective: Objective | None, device: torch.device) -> dict[str, Figure]:
    """The figures of the best checkpoint that need the network or its data, by name."""
    if run.best is None:
        return {}
    if objective is None:
        return _left_behind(run.folder / "figures")
    return {**pictures_of(run.best, objective, device), **objective.figures(run.best.averaged_net().to(device), device)}


def pictures_of(best: Checkpoint, objective: Objective, device: torch.device) -> dict[str, Figure]:
    """The pictures that an objective draws at each validation, here for a checkpoint."""
    net = best.averaged_net().to(device)
    return {name: Figure(picture, _caption(name)) for name, picture in objective.pictures(net, device).items()}


def amount(name: str, value: float) -> str:
    """A validation figure with its unit."""
    unit = UNITS.get("psnr" if name.startswith("psnr") else name, "")
    return f"{value:,.2f} {unit}" if unit else f"{value:.4g}"


def duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def _page(run: Run, shown: Mapping[str, Figure], summary: str, *, complete: bool) -> bytes:
    charts = {name: figure for name, figure in shown.items() if name.startswith("curve_")}
    apart = {*SPACE, LINEAR, *charts}
    linear = shown.get(LINEAR)
    return html.render_page(
        "run",
        recipe=run.recipe,
        folder=str(run.folder),
        tiles=_tiles(run),
        note=_note(run, complete),
        pictures=html.images({name: figure for name, figure in shown.items() if name not in apart}),
        space=html.images({name: shown[name] for name in SPACE if name in shown}),
        linear=html.images({LINEAR: linear} if linear else {}),
        linear_table=html.cells(linear.table, text=(0, 6), gain=3) if linear and linear.table else [],
        curves=html.images(charts),
        scores=html.cells(_scores(run)),
        recipe_facts=recipe_facts(run),
        surroundings=_surroundings(run, summary),
        commands=_commands(run),
    )


def _note(run: Run, complete: bool) -> str:
    """Says what is missing on the page, and how to get it."""
    if run.best is None:
        return "Not validated yet, so there is no best checkpoint to show."
    if complete:
        return ""
    again = f"nitido report {shlex.quote(str(run.folder))} --data DATA"
    return f"Drawn without the data, from the files of the last validation. {again} draws the rest."


def _tiles(run: Run) -> dict[str, str]:
    found: dict[str, str] = {}
    if run.best:
        found[f"best {run.score.upper()} on held-out data"] = amount(run.score, run.best.best)
        found["step of the best checkpoint"] = f"{run.best.step:,}"
    found["steps done" + _ending(run)] = f"{run.last.step:,}"
    found["parameters in training"] = f"{_parameters(run):,}"
    if run.settings and run.settings.seconds:
        found["time"] = duration(run.settings.seconds)
    return found


def _ending(run: Run) -> str:
    schedule = run.recipe.schedule
    if run.last.step >= schedule.steps:
        return ", all of them"
    best = run.best.step if run.best else 0
    if schedule.patience and run.last.step - best >= schedule.patience * schedule.validate_every:
        return f" of {schedule.steps:,}: no better for {schedule.patience} validations"
    return f" of {schedule.steps:,}"


def _parameters(run: Run) -> int:
    return sum(weights.numel() for weights in run.last.fresh_net().parameters())


def _scores(run: Run) -> Table:
    if run.best is None:
        return []
    best, last = run.best.history[-1], run.history[-1]
    names = [name for name in best if name not in ("step", "lr")]
    head = ["", f"best, step {run.best.step:,}", f"last, step {int(last['step']):,}"]
    return [head, *([name, amount(name, best[name]), amount(name, last.get(name, np.nan))] for name in names)]


def recipe_facts(run: Run) -> dict[str, dict[str, str]]:
    """Every value of the recipe as text, by table."""
    groups: dict[str, dict[str, str]] = {"recipe": {}}
    for key, value in asdict(run.recipe).items():
        if isinstance(value, dict):
            groups[key] = dict(_flat(value, ""))
        elif value is not None:
            groups["recipe"][key] = _shown(value)
    return groups


def _flat(values: Mapping[str, Any], before: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, dict):
            found += _flat(value, f"{before}{key}.")
        else:
            found.append((before + key, _shown(value)))
    return found


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_shown, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _surroundings(run: Run, summary: str) -> dict[str, dict[str, str]]:
    settings = run.settings
    data = {"found": summary} if summary else {}
    if settings is None:
        named = ", ".join(run.last.provenance.get("data", []))
        return {"data": {**({"sources": named} if named else {}), **data}}
    data["sources"] = ", ".join(settings.data)
    data["validation"] = ", ".join(settings.val) or "held out of the sources, evenly spaced"
    if settings.start:
        data["started from the weights of"] = settings.start
    machine = {
        "machine": settings.machine,
        "accelerator": settings.accelerator,
        "precision": settings.precision,
        "processes": str(settings.devices),
        "threads": str(settings.threads),
    }
    return {"data": data, "machine": machine, "versions": settings.versions}


def _commands(run: Run) -> dict[str, str]:
    """Commands for the next steps, by what they do."""
    found: dict[str, str] = {}
    if run.best:
        output = f"{shlex.quote(run.recipe.name)}.onnx"
        found["Export the best checkpoint"] = f"nitido export {shlex.quote(str(run.folder))} -o {output}"
    if run.last.step < run.recipe.schedule.steps:
        found["Go on"] = train_command(run, resume=True)
    found["Train the same again"] = train_command(run)
    return found


def _caption(name: str) -> str:
    return CAPTIONS.get(name, name.replace("_", " ").capitalize() + ".")


def _left_behind(folder: Path) -> dict[str, Figure]:
    """The pictures that validations have written, in alphabetical order."""
    found = {}
    for path in sorted(folder.glob("*.png")):
        picture = cv2.imread(str(path))
        if picture is not None and not path.stem.startswith("curve_"):
            chart = path.stem in ("latents", LINEAR)
            found[path.stem] = Figure(np.asarray(picture, np.uint8), _caption(path.stem), chart)
    return found
