"""Time and memory of every method on one frame, and what the processor could do at best.

Methods take turns, a frame each, so that whatever else the machine does meets all of them; each keeps to ``THREADS``
threads and none waits busily.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort

from comparison import ffmpeg
from comparison.ffmpeg import FfmpegFilter
from comparison.methods import THREADS, Method, Restore
from nitido.frames import Frame

ROUNDS = 15
BUDGET = 40.0  # seconds; a method that has taken more drops out once it has run ENOUGH times
ENOUGH = 3
SETTLED = 0.5  # seconds
SIDE = 2048  # of the matrices multiplied


def time_all(
    runs: Mapping[str, Restore], frames: Frame | Sequence[Frame], rounds: int = ROUNDS
) -> dict[str, list[float]]:
    """Milliseconds of every run by name, in rounds; the first of each is not counted. frames: one for all rounds, or
    one round's after the other's. ``sgemm`` is the time of a product of two float32 matrices of ``SIDE``."""
    from threadpoolctl import threadpool_limits

    clip = frames if isinstance(frames, Sequence) else [frames]
    left, right = np.random.default_rng(0).standard_normal((2, SIDE, SIDE), np.float32)
    times: dict[str, list[float]] = {name: [] for name in (*runs, "sgemm")}
    spent = dict.fromkeys(times, 0.0)
    with threadpool_limits(THREADS):
        cv2.setNumThreads(THREADS)
        for number in range(rounds + 1):
            frame = clip[number % len(clip)]
            names = [*times][number % len(times) :] + [*times][: number % len(times)]
            for name in names:
                enough = len(times[name]) >= min(ENOUGH, rounds)
                if enough and spent[name] > BUDGET:
                    continue
                began = time.perf_counter()
                taken = _seconds(runs.get(name), frame, left, right)
                spent[name] += time.perf_counter() - began
                if name == "sgemm":
                    time.sleep(SETTLED)  # its threads wait busily for a while, at the cost of whoever comes next
                # A slow method's first frame counts: starting up is short next to it, and another would take long.
                if number or taken > BUDGET / (2 * ENOUGH):
                    times[name].append(1000 * taken)
    return times


def _seconds(run: Restore | None, frame: Frame, left: np.ndarray, right: np.ndarray) -> float:
    if isinstance(run, FfmpegFilter):
        return run.seconds(frame)
    began = time.perf_counter()
    if run is None:
        _ = left @ right
    else:
        run(frame)
    return time.perf_counter() - began


def describe(method: Method, setting: float, taken: Sequence[float], product: float, frame: Frame) -> dict[str, Any]:
    """What the tables show of a method besides its quality. taken, product: ms of its frames and of the fastest matrix
    product of the same rounds."""
    ms = statistics.median(taken)
    found: dict[str, Any] = {
        "task": method.task,
        "identity": method.identity,
        "ms": round(ms, 3),
        "runs": len(taken),
        "peak_mb": peak_mb(method, setting, frame),
    }
    if method.path is not None:
        found["bytes"] = method.path.stat().st_size
    if method.path is not None and method.path.suffix == ".onnx":
        import nitido

        with nitido.load(method.path, "cpu") as model:
            card = model.card
        rate = card.macs_per_pixel * frame.shape[0] * frame.shape[1] / ms / 1e6
        found |= {
            "parameters": card.parameters,
            "macs_per_pixel": card.macs_per_pixel,
            "precision": card.precision,
            "gmacs": round(rate, 2),
            "of_peak": round(rate / (SIDE**3 / product / 1e6), 3),
        }
    return found


def peak_mb(method: Method, setting: float, frame: Frame) -> float | None:
    """Peak resident memory in MB of a fresh process that opens the method and restores one frame; of a method that is
    a program, of that program. ``None`` where the system does not report it."""
    run = method.open(setting) if method.name.startswith("ffmpeg") else None
    if isinstance(run, FfmpegFilter):
        return _rounded(run.peak_mb(frame))
    what = {"method": method.name, "path": str(method.path or ""), "setting": setting, "shape": frame.shape[:2]}
    root = str(Path(__file__).parents[1])
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    said = subprocess.run(
        [sys.executable, "-m", "comparison.memory", json.dumps(what)],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return _rounded(json.loads(said))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def machine(product: float, load: float) -> dict[str, Any]:
    """What it was measured on. product: ms of the fastest one. load: of the machine before the run, in
    busy cores."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = set(facts.get("flags", "").split())
    wanted = ("avx2", "avx512f", "avx_vnni", "avx512_vnni")
    return {
        "cpu": facts.get("model name", platform.processor() or platform.machine()),
        "cores": os.cpu_count(),
        "extensions": [name for name in wanted if name in flags],
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "onnxruntime": ort.__version__,
        "opencv": cv2.__version__,
        "ffmpeg": ffmpeg.version(),
        "threads": THREADS,
        "sgemm_gmacs": round(SIDE**3 / product / 1e6, 1),
        "load": round(load, 2),
    }
