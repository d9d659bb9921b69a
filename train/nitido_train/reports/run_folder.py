"""A run's folder: what is noted in it about how it came to be, and what can be read of it later.

``recipe.toml`` is the recipe as it was trained, with every override; ``run.json`` what belongs to this run on this
machine: where the data lay, versions, and the time it took.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from nitido import __version__
from nitido.errors import SourceUnavailable
from nitido.system.files import write_whole
from nitido_train.checkpoint import Checkpoint, load_checkpoint
from nitido_train.objectives.objective import Objective, open_objective
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe import Recipe

_PACKAGES = ("torch", "lightning-fabric", "torchmetrics", "numpy", "scikit-learn", "opencv-python")


@dataclass(frozen=True)
class Setting:
    """data, val: sources as the command named them. start: the run whose weights it began with, by name and steps.
    seconds: of training so far. summary: the data in a line."""

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
    """best: the checkpoint with the best score; ``None`` before the first validation. last: the furthest one.
    setting: ``None`` for a run of a version that noted none."""

    folder: Path
    last: Checkpoint
    best: Checkpoint | None
    setting: Setting | None

    @property
    def recipe(self) -> Recipe:
        return self.last.recipe

    @property
    def history(self) -> list[dict[str, float]]:
        # ``last.pt`` is written every few minutes; while a training goes on, ``best.pt`` may know more.
        return max((c.history for c in (self.last, self.best) if c), key=len)

    @property
    def score(self) -> str:
        """Which figure of the validations chose the best checkpoint."""
        if self.best is None:
            return ""
        return next((name for name, value in self.best.history[-1].items() if value == self.best.best), "psnr")


def read_run(folder: Path) -> Run:
    """Raises ``CheckpointError``."""
    best, last = (
        load_checkpoint(folder / name) if (folder / name).is_file() else None for name in ("best.pt", "last.pt")
    )
    known = [state for state in (last, best) if state] or [load_checkpoint(folder)]
    return Run(folder, max(known, key=lambda state: state.step), best, _setting(folder))


def objective_of(run: Run, data: Sequence[Path] = (), val: Sequence[Path] = ()) -> Objective:
    """The run's objective with its data read, from the original places or from others. Raises ``SourceUnavailable``,
    ``RecipeError``."""
    setting = run.setting or Setting()
    sources = tuple(data) or tuple(map(Path, setting.data))
    if not sources:
        raise SourceUnavailable(f"{run.folder} does not say where its data were")
    options = RunOptions(out=run.folder, data=sources, val=tuple(val) or tuple(map(Path, setting.val)))
    return open_objective(run.recipe, options)


def note_run(recipe: Recipe, options: RunOptions) -> None:
    """Writes ``recipe.toml`` and ``run.json`` at the beginning of a run, or when it goes on. Raises
    ``SinkUnavailable``."""
    before = _setting(options.out) if options.resume else None
    start = options.start
    setting = Setting(
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
    )
    write_whole(options.out / "recipe.toml", as_toml(recipe).encode())
    _write(options.out, setting)


def note_end(folder: Path, seconds: float, summary: str) -> None:
    """Adds the time of this part of the training and the summary of its data. Raises ``SinkUnavailable``."""
    setting = _setting(folder) or Setting()
    _write(folder, replace(setting, seconds=setting.seconds + seconds, summary=summary))


def train_command(run: Run, *, resume: bool = False) -> str:
    """The command that goes on with a run, or trains the same again into another folder."""
    setting = run.setting or Setting()
    words = ["nitido", "train", str(run.folder / "recipe.toml")]
    for option, sources in (("--data", setting.data or ["DATA"]), ("--val", setting.val)):
        words += [word for source in sources for word in (option, source)]
    words += ["--out", str(run.folder), "--resume"] if resume else ["--out", f"{run.folder}-again"]
    if setting.start and not resume:
        words += ["--from", f"RUN-OF-{setting.start.partition(',')[0]}"]
    words += ["--qat"] if setting.qat else []
    standard = Setting()
    for name in ("workers", "devices", "accelerator", "precision"):
        if getattr(setting, name) != getattr(standard, name):
            words += [f"--{name}", str(getattr(setting, name))]
    return shlex.join(words)


def as_toml(recipe: Recipe) -> str:
    """A recipe as the file that :func:`nitido_train.recipe.load_recipe` reads it from."""
    return "\n".join(_table(asdict(recipe), "")).strip() + "\n"


def _table(values: dict[str, Any], name: str) -> list[str]:
    plain = {k: v for k, v in values.items() if v is not None and not isinstance(v, dict)}
    lines = ["", f"[{name}]"] if name and (plain or not values) else []
    lines += [f"{_key(key)} = {_value(value)}" for key, value in plain.items()]
    for key, value in values.items():
        if isinstance(value, dict):
            lines += _table(value, f"{name}.{_key(key)}" if name else _key(key))
    return lines


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _setting(folder: Path) -> Setting | None:
    try:
        noted = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        return Setting(**{key: noted[key] for key in Setting.__dataclass_fields__ if key in noted})
    except (OSError, ValueError, TypeError):
        return None


def _write(folder: Path, setting: Setting) -> None:
    write_whole(folder / "run.json", (json.dumps(asdict(setting), indent=2, ensure_ascii=False) + "\n").encode())


def _versions() -> dict[str, str]:
    found = {"nitido": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
