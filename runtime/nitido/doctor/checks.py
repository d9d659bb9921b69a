"""Tests models on this machine: which providers work, whether certificates pass, and the speed."""

from __future__ import annotations

import json
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from nitido.errors import NitidoError
from nitido.inference.providers import known_provider
from nitido.model_file.card import Card
from nitido.model_file.zoo import Entry

# Every wheel offers it, but it calls a service on the network and cannot compute models like these.
_NO_DEVICES = {"AzureExecutionProvider"}
_SIZES = {"denoise": (480, 640)}  # height, width
_OTHER_SIZE = (360, 640)
_CHILD = "from nitido.doctor.checks import report_trial; report_trial()"


@dataclass(frozen=True)
class ProviderTrial:
    """usable: a session was opened on it and computed a frame. detail: why not. nodes: (computed by the provider, all),
    if onnxruntime reports it. seconds: for opening and running, in a fresh process but without its start."""

    device: str
    provider: str
    usable: bool
    detail: str = ""
    nodes: tuple[int, int] | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class CertificateCheck:
    """Result of a model's certificate on this machine. detail: the difference, or what is wrong."""

    model: str
    path: str
    device: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class Speed:
    """ms: median for one frame of width×height. fps: the rate that this allows. measured_on: the first test set of the
    model's evaluation, which differs between denoisers for cameras and for white noise. quality: mean of the evaluation
    rows that all models of the same task, scale and test set have, in their metric. Both are ``None`` without an
    evaluation."""

    model: str
    task: str
    scale: int
    device: str
    width: int
    height: int
    ms: float
    fps: float
    frames: int
    measured_on: str | None
    quality: float | None


@dataclass(frozen=True)
class Recommendation:
    """The best model for a task on this machine, and the reason. measured_on: see :class:`Speed`."""

    task: str
    scale: int
    measured_on: str | None
    model: str
    reason: str


def try_provider(path: Path, name: str) -> ProviderTrial:
    """Opens a model from frame to image on a provider, by its full name, and runs a frame of 64×64 pixels."""
    import numpy as np

    from nitido.inference.session import nodes_on, open_session, run_graph

    device, began = _device(name), time.perf_counter()
    try:
        session, _ = open_session(path, name, threads=1)
        run_graph(session, {"frame": np.zeros((1, 64, 64, 3), np.uint8)}, ["image"])
    except NitidoError as error:
        return ProviderTrial(device, name, False, str(error))
    return ProviderTrial(device, name, True, "", nodes_on(session, name), time.perf_counter() - began)


def try_providers(path: Path, *, seconds: float = 60.0) -> list[ProviderTrial]:
    """Tries every provider of this onnxruntime in a separate process, so that a driver that crashes, or hangs for
    longer than ``seconds``, is just another result."""
    import onnxruntime as ort

    names = [name for name in ort.get_available_providers() if name not in _NO_DEVICES]
    return [_try_apart(path, name, seconds) for name in names]


def check_certificates(entries: Sequence[Entry]) -> list[CertificateCheck]:
    """Every model's certificate, replayed on the device that ``auto`` chooses."""
    from nitido.inference.verify import verify

    results: list[CertificateCheck] = []
    for entry in entries:
        try:
            verdict = verify(entry.path)
        except (NitidoError, OSError) as error:
            results.append(CertificateCheck(entry.name, str(entry.path), "", False, str(error)))
            continue
        worst = max((replay.max_error for replay in verdict.replays), default=0.0)
        identical = all(replay.identical for replay in verdict.replays)
        detail = "identical" if identical else f"off by at most {worst:g}, allowed {verdict.tolerance:g}"
        if verdict.intact is False:
            detail = "the file was changed since it was exported"
        results.append(CertificateCheck(entry.name, str(entry.path), verdict.device, verdict.passed, detail))
    return results


def measure_speeds(entries: Sequence[Entry], *, seconds: float = 3.0, device: str = "auto") -> list[Speed]:
    """Measures the speed of the models in turn, for about ``seconds`` in total and at least three frames each.
    Denoisers get 640×480, others 640×360. Models that cannot be opened are left out."""
    import numpy as np

    from nitido.inference.model import Model

    models: list[Model] = []
    for entry in entries:
        try:
            models.append(Model(entry.path, device))
        except (NitidoError, OSError):
            continue  # the row of its certificate gives the reason
    sizes = [frame_size(model.card.task) for model in models]
    frames = [np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8) for size in sizes]
    times: list[list[float]] = [[] for _ in models]
    for model, size in zip(models, sizes, strict=True):
        model.warm_up(*size)
    end = time.perf_counter() + seconds
    while models and (len(times[-1]) < 3 or time.perf_counter() < end):
        for model, frame, row in zip(models, frames, times, strict=True):
            began = time.perf_counter()
            model(frame)
            row.append(time.perf_counter() - began)
    quality = compare_quality([model.card for model in models])
    speeds: list[Speed] = []
    for model, (height, width), row in zip(models, sizes, times, strict=True):
        card, median = model.card, statistics.median(row)
        facts = (card.name, card.task, card.scale, model.device, width, height)
        speeds.append(Speed(*facts, 1000 * median, 1 / median, len(row), _test_set(card), quality[card.name]))
        model.close()
    return speeds


def frame_size(task: str) -> tuple[int, int]:
    """Height and width of the frames for measuring models of a task."""
    return _SIZES.get(task, _OTHER_SIZE)


def compare_quality(cards: Sequence[Card]) -> dict[str, float | None]:
    """For each model by name: the mean over the evaluation rows that all models of its task, scale and test set share;
    ``None`` without an evaluation."""
    tables = {
        card.name: {(r["set"], r["condition"], r["metric"]): r["value"] for r in card.evaluation} for card in cards
    }
    kinds = {card.name: (card.task, card.scale, _test_set(card)) for card in cards}
    result: dict[str, float | None] = {}
    for card in cards:
        own = tables[card.name]
        shared = set(own).intersection(*(tables[name] for name, kind in kinds.items() if kind == kinds[card.name]))
        result[card.name] = statistics.fmean(own[key] for key in shared) if shared else None
    return result


def recommend(speeds: Sequence[Speed], *, fps: float = 30.0) -> list[Recommendation]:
    """For each task, scale and test set: the best model, by quality, of those that reach ``fps``, or else the fastest.
    Models without an evaluation are only chosen if there are no others."""
    measured = {(s.task, s.scale) for s in speeds if s.measured_on}
    groups: dict[tuple[str, int, str | None], list[Speed]] = {}
    for speed in speeds:
        if speed.measured_on or (speed.task, speed.scale) not in measured:
            groups.setdefault((speed.task, speed.scale, speed.measured_on), []).append(speed)
    chosen: list[Recommendation] = []
    for kind, rivals in groups.items():
        fast = [speed for speed in rivals if speed.fps >= fps]
        if fast:
            best = max(fast, key=lambda s: (float("-inf") if s.quality is None else s.quality, s.fps))
            reason = f"reaches {fps:g} fps at {best.width}×{best.height}"
            reason += ", the best one that does" if len(rivals) > 1 and best.quality is not None else ""
        else:
            best = min(rivals, key=lambda s: s.ms)
            reason = f"{best.fps:.0f} fps at {best.width}×{best.height}, below {fps:g}"
            reason += "; the others are slower" if len(rivals) > 1 else ""
        chosen.append(Recommendation(*kind, best.model, reason))
    return chosen


def report_trial() -> None:
    """The process of one trial. Input: a model file and a provider's name. Output: a line of JSON."""
    sys.stdout.write(json.dumps(asdict(try_provider(Path(sys.argv[1]), sys.argv[2]))) + "\n")


def _test_set(card: Card) -> str | None:
    return card.evaluation[0]["set"] if card.evaluation else None


def _device(name: str) -> str:
    provider = known_provider(name)
    return provider.device if provider else name


def _try_apart(path: Path, name: str, seconds: float) -> ProviderTrial:
    device = _device(name)
    command = [sys.executable, "-c", _CHILD, str(path), name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return ProviderTrial(device, name, False, f"gave no frame within {seconds:g} s")
    lines = done.stdout.strip().splitlines()  # a provider may print something before it
    try:
        found = json.loads(lines[-1])
        nodes = found.pop("nodes")
        return ProviderTrial(**found, nodes=tuple(nodes) if nodes else None)
    except (IndexError, ValueError, TypeError, KeyError, AttributeError):
        said = done.stderr.strip().splitlines()
        code = f"died of {signal.Signals(-done.returncode).name}" if done.returncode < 0 else "failed"
        return ProviderTrial(device, name, False, f"its process {code}: {said[-1] if said else 'it said nothing'}")
