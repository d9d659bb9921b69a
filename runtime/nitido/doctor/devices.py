"""Compares the speed of other devices with the CPU: each device in a separate process, in turn with the CPU."""

from __future__ import annotations

import hashlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nitido.doctor.checks import ProviderTrial, frame_size
from nitido.errors import NitidoError
from nitido.model_file.zoo import Entry

if TYPE_CHECKING:
    from nitido.inference.saved_devices import SavedDevice

WORTH = 0.9
"""A device is better if it takes at most this share of the CPU's time; smaller differences could be chance."""
_TURNS = 3  # smallest number of turns
_EACH = 20.0  # seconds that a device may take to open a model and warm up, in addition to the measurement
_CHILD = "from nitido.doctor.devices import report_comparisons; report_comparisons()"


@dataclass(frozen=True)
class Comparison:
    """One model file on a device and on the CPU.

    sha256: of the file.
    measured_on: see :class:`nitido.doctor.checks.Speed`.
    ratio: median over the turns of the device's time for a frame, divided by the CPU's.
    turns: number of frames for each of them.
    passed: whether the file's certificate holds on the device.
    """

    model: str
    sha256: str
    task: str
    scale: int
    measured_on: str | None
    device: str
    ratio: float
    turns: int
    passed: bool

    @property
    def worth(self) -> bool:
        """Whether to take the device for this model."""
        return self.passed and self.ratio <= WORTH


def people_use(entries: Sequence[Entry]) -> list[Entry]:
    """The default models for frames of each task, and their 8-bit files."""
    chosen = {entry.name.removesuffix(".int8") for entry in entries if entry.default and entry.takes_frames}
    return [entry for entry in entries if entry.name.removesuffix(".int8") in chosen]


def compare_devices(trials: Sequence[ProviderTrial], entries: Sequence[Entry], *, seconds: float) -> list[Comparison]:
    """Compares every usable device other than the CPU, with every model that it can run.

    seconds: for all measurements together; each model gets at least three frames. If a device crashes or hangs, the
    measurements until then count.
    """
    devices = [trial for trial in trials if trial.usable and trial.device != "cpu"]
    if not devices or not entries:
        return []
    share = seconds / len(devices)
    return [found for trial in devices for found in _compare_apart(trial.provider, entries, share)]


def compare(path: Path, device: str, *, seconds: float) -> Comparison:
    """Compares a device with the CPU for one model, in turn, for about ``seconds``, and checks the certificate on the
    device. Raises ``NitidoError`` if the device cannot run the model."""
    import numpy as np

    from nitido.inference.model import Model
    from nitido.inference.verify import verify

    # As in batches and live streams: busy waiting threads of one session would take the cores from the other one.
    models = [Model(path, name, spinning=False) for name in ("cpu", device)]
    size = frame_size(models[0].card.task)
    frame = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    for model in models:
        model.warm_up(*size)
    ratios: list[float] = []
    end = time.perf_counter() + seconds
    while len(ratios) < _TURNS or time.perf_counter() < end:
        took: list[float] = []
        for model in models:
            began = time.perf_counter()
            model(frame)
            took.append(time.perf_counter() - began)
        ratios.append(took[1] / took[0])
    card, sha256 = models[0].card, hashlib.sha256(path.read_bytes()).hexdigest()
    used = models[1].device
    for model in models:
        model.close()
    on = card.evaluation[0]["set"] if card.evaluation else None
    passed = verify(path, device).passed
    return Comparison(
        card.name, sha256, card.task, card.scale, on, used, statistics.median(ratios), len(ratios), passed
    )


def best_devices(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """For each model the better device, if there is one."""
    best: dict[str, Comparison] = {}
    for found in comparisons:
        if found.worth and (found.sha256 not in best or found.ratio < best[found.sha256].ratio):
            best[found.sha256] = found
    return list(best.values())


def to_save(comparisons: Sequence[Comparison]) -> list[SavedDevice]:
    """The choices for ``--device auto``."""
    from nitido.inference.saved_devices import SavedDevice

    return [SavedDevice(c.sha256, c.model, c.device, round(c.ratio, 3)) for c in best_devices(comparisons)]


def report_comparisons() -> None:
    """The process of one device. Input: a provider's name, seconds, model files. Output: a line of JSON for each model,
    as soon as it is measured."""
    provider, seconds, *paths = sys.argv[1:]
    for path in paths:
        try:
            found = compare(Path(path), provider, seconds=float(seconds) / len(paths))
        except (NitidoError, OSError):
            continue  # the device cannot run this model
        sys.stdout.write("\n" + json.dumps(asdict(found)) + "\n")  # a provider may have printed half a line
        sys.stdout.flush()


def _compare_apart(provider: str, entries: Sequence[Entry], seconds: float) -> Iterator[Comparison]:
    paths = [str(entry.path) for entry in entries]
    command = [sys.executable, "-c", _CHILD, provider, str(seconds), *paths]
    limit = seconds + _EACH * len(paths)
    try:
        said = subprocess.run(command, capture_output=True, timeout=limit, check=False).stdout
    except subprocess.TimeoutExpired as error:
        said = error.stdout or b""
    for line in said.decode(errors="replace").splitlines():
        try:
            yield Comparison(**json.loads(line))
        except (ValueError, TypeError):  # output of a provider
            continue
