"""Steps per second of ``nitido train``."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

PHOTOS = Path(__file__).parents[2] / "samples"
# The program itself, not "python -c": the processes of a distributed training start again what started the first.
_NITIDO = Path(sys.executable).with_name("nitido")


@dataclass(frozen=True)
class Setting:
    """precision, devices, accelerator: options of ``nitido train``.
    steps: of a short and of a long run; the difference of their times is that of the steps between. 0: no short run,
    so that the start counts too.
    overrides: of the recipe.
    """

    accelerator: str
    precision: str
    devices: int
    steps: tuple[int, int]
    overrides: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.precision}, --devices {self.devices}"


@dataclass(frozen=True)
class Pace:
    """steps: per second; ``None`` when a run failed, with its last line as ``note``."""

    steps: float | None
    note: str = ""

    def __str__(self) -> str:
        return self.note if self.steps is None else f"{self.steps:.1f}"


def measure_training(recipe: str, setting: Setting, patience: float, workers: int) -> Pace:
    """Trains twice, from the start, with photographs of the repository. patience: seconds for each run."""
    taken: list[float] = []
    for steps in setting.steps:
        if not steps:
            taken.append(0.0)
            continue
        with tempfile.TemporaryDirectory() as scratch:
            command = [
                _NITIDO, "train", recipe, "--data", PHOTOS, "--out", Path(scratch) / "run",
                "--accelerator", setting.accelerator, "--precision", setting.precision,
                "--devices", setting.devices, "--workers", workers,
                *(word for text in (f"schedule.steps={steps}", f"schedule.validate_every={steps}", *setting.overrides)
                  for word in ("--set", text)),
            ]  # fmt: skip
            began = time.perf_counter()
            try:
                done = subprocess.run(
                    list(map(str, command)), capture_output=True, text=True, timeout=patience, check=False
                )
            except subprocess.TimeoutExpired:
                return Pace(None, f"not done within {patience:.0f} s")
            taken.append(time.perf_counter() - began)
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines()
            return Pace(None, lines[-1] if lines else f"exit code {done.returncode}")
    first, second = setting.steps
    gained = taken[1] - taken[0]
    return Pace((second - first) / gained) if gained > 0 else Pace(None, "too short to measure")
