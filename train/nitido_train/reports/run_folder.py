"""Describes a run in its folder, and reads it again.

``recipe.toml`` is the recipe of the training, including every override. ``run.json`` contains facts about this run on
this machine: the places of the data, versions, and the time it took.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from nitido import __version__
from nitido.errors import SourceUnavailable
from nitido.system.files import write_whole
from nitido_train.checkpoint import Checkpoint, load_checkpoint
from nitido_train.objectives.objective import Objective, open_objective
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.files import as_toml
from nitido_train.recipe.schema import Recipe

_PACKAGES = ("torch", "lightning-fabric", "torchmetrics", "numpy", "scikit-learn", "opencv-python")


@dataclass(frozen=True)
class RunSettings:
    """Facts about one run on one machine, as in ``run.json``.

    data, val: sources as in the command.
    start: the run from whose weights it started, by name and steps.
    versions: of nitido, Python and the packages that matter, by name.
    seconds: training time so far.
    summary: the data in one line.
    """

    data: list[str] = field(default_factory=list)
    val: list[str] = field(default_factory=list)
    workers: int = 1
    threads: int = 1
    devices: int = 1
    accelerator: str = "auto"
    precision: str = "32-true"
    qat: bool = False
    start: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    machine: str = ""
    seconds: float = 0.0
    summary: str = ""


@dataclass(frozen=True)
class Run:
    """A run, read from its folder.

    last: the furthest checkpoint.
    best: the checkpoint with the best score. ``None`` before the first validation.
    settings: ``None`` for a run of a version that did not write them.
    """

    folder: Path
    last: Checkpoint
    best: Checkpoint | None
    settings: RunSettings | None

    @property
    def recipe(self) -> Recipe:
        return self.last.recipe

    @property
    def history(self) -> list[dict[str, float]]:
        # last.pt is only written every few minutes, so best.pt may be newer during a training.
        return max((c.history for c in (self.last, self.best) if c), key=len)

    @property
    def score(self) -> str:
        """Name of the validation figure that chose the best checkpoint."""
        if self.best is None:
            return ""
        return next((name for name, value in self.best.history[-1].items() if value == self.best.best), "psnr")


def read_run(folder: Path) -> Run:
    """Reads a run's folder. Raises ``CheckpointError``."""
    best, last = (
        load_checkpoint(folder / name) if (folder / name).is_file() else None for name in ("best.pt", "last.pt")
    )
    known = [state for state in (last, best) if state] or [load_checkpoint(folder)]
    return Run(folder, max(known, key=lambda state: state.step), best, _settings(folder))


def objective_of(run: Run, data: Sequence[Path] = (), val: Sequence[Path] = ()) -> Objective:
    """The run's objective with its data read, from the original places or from others. Raises ``SourceUnavailable``,
    ``RecipeError``."""
    settings = run.settings or RunSettings()
    sources = tuple(data) or tuple(map(Path, settings.data))
    if not sources:
        raise SourceUnavailable(f"{run.folder} does not say where its data is")
    options = RunOptions(out=run.folder, data=sources, val=tuple(val) or tuple(map(Path, settings.val)))
    return open_objective(run.recipe, options)


def changes_of_data(options: RunOptions, summary: str) -> str | None:
    """The differences of a resumed run from the earlier one, in words. summary: of the current data."""
    before = _settings(options.out)
    if before is None:
        return None
    given = {
        "--data": ([str(path) for path in options.data], before.data),
        "--val": ([str(path) for path in options.val], before.val),
    }
    changes = [
        f"{option} {' '.join(now) or 'none'}, before {' '.join(then) or 'none'}"
        for option, (now, then) in given.items()
        if _places(now) != _places(then)
    ]
    if before.summary and before.summary != summary:
        changes.append(f"{summary}; before {before.summary}")
    return "; ".join(changes) or None


def note_run(recipe: Recipe, options: RunOptions, summary: str) -> None:
    """Writes ``recipe.toml`` and ``run.json`` when a run begins or is resumed. summary: the data in one line. Raises
    ``SinkUnavailable``."""
    before = _settings(options.out) if options.resume else None
    start = options.start
    settings = RunSettings(
        data=[str(path) for path in options.data],
        val=[str(path) for path in options.val],
        workers=options.workers,
        threads=torch.get_num_threads(),
        devices=options.devices,
        accelerator=options.accelerator,
        precision=options.precision,
        qat=options.qat,
        start=f"{start.recipe.name}, {start.step} steps" if start else before.start if before else "",
        versions=_versions(),
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        seconds=before.seconds if before else 0.0,
        summary=summary,
    )
    write_whole(options.out / "recipe.toml", as_toml(recipe).encode())
    _write(options.out, settings)


def note_end(folder: Path, seconds: float, summary: str) -> None:
    """Adds the time of this part of the training and the summary of its data. Raises ``SinkUnavailable``."""
    settings = _settings(folder) or RunSettings()
    _write(folder, replace(settings, seconds=settings.seconds + seconds, summary=summary))


def train_command(run: Run, *, resume: bool = False) -> str:
    """The command that resumes a run, or trains the same again into another folder."""
    settings = run.settings or RunSettings()
    words = ["nitido", "train", str(run.folder / "recipe.toml")]
    for option, sources in (("--data", settings.data or ["DATA"]), ("--val", settings.val)):
        words += [word for source in sources for word in (option, source)]
    words += ["--out", str(run.folder), "--resume"] if resume else ["--out", f"{run.folder}-again"]
    if settings.start and not resume:
        words += ["--from", f"RUN-OF-{settings.start.partition(',')[0]}"]
    words += ["--qat"] if settings.qat else []
    standard = RunSettings()
    for name in ("workers", "devices", "accelerator", "precision"):
        if getattr(settings, name) != getattr(standard, name):
            words += [f"--{name}", str(getattr(settings, name))]
    return shlex.join(words)


def _places(sources: Sequence[str]) -> list[Path]:
    return sorted(Path(source).resolve() for source in sources)


def _settings(folder: Path) -> RunSettings | None:
    try:
        noted = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        return RunSettings(**{key: noted[key] for key in RunSettings.__dataclass_fields__ if key in noted})
    except (OSError, ValueError, TypeError):
        return None


def _write(folder: Path, settings: RunSettings) -> None:
    write_whole(folder / "run.json", (json.dumps(asdict(settings), indent=2, ensure_ascii=False) + "\n").encode())


def _versions() -> dict[str, str]:
    found = {"nitido": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
