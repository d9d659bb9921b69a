"""Measures how long a fresh process takes for its first frame. Run as a module, this file is that process."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nitido.errors import NitidoError

WIDTH, HEIGHT = 640, 480


@dataclass(frozen=True)
class ColdStart:
    """Medians in seconds. total: process start to the first 640×480 frame, with Python and its imports.
    opening: creating the session. first_frame: the first run."""

    total: float
    opening: float
    first_frame: float


def measure_cold_starts(files: Sequence[Path], runs: int = 5) -> list[ColdStart]:
    """One result for each model file, each measured in ``runs`` fresh processes on the CPU, with the files in turn.

    The files are in the page cache, so this measures the start of a program, not of a board. Raises ``NitidoError``
    when a process fails.
    """
    times: list[list[ColdStart]] = [[] for _ in files]
    for _ in range(runs):
        for path, rows in zip(files, times, strict=True):
            rows.append(_start(path))
    return [
        ColdStart(*(statistics.median(getattr(row, part) for row in rows) for part in ColdStart.__dataclass_fields__))
        for rows in times
    ]


def _start(path: Path) -> ColdStart:
    began = time.perf_counter()
    command = [sys.executable, "-P", "-m", __name__, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        total = time.perf_counter() - began
        reason = process.communicate()[1].strip().splitlines()
    if not line:
        raise NitidoError(f"no frame from {path} in a fresh process: {reason[-1] if reason else 'it said nothing'}")
    return ColdStart(total, **json.loads(line))


def _run_once(path: str) -> None:
    import numpy as np
    import onnxruntime as ort

    frame = np.linspace(0, 255, HEIGHT * WIDTH * 3).astype(np.uint8).reshape(1, HEIGHT, WIDTH, 3)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    began = time.perf_counter()
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    opened = time.perf_counter()
    feeds: dict[str, np.ndarray] = {"frame": frame}
    facts = session.get_modelmeta().custom_metadata_map
    for state in json.loads(facts.get("nitido.states", "[]")):  # of a recurrent model: no past
        grid, multiple = state["grid"], json.loads(facts["nitido.multiple"])
        sides = (-(-side // multiple) * multiple // grid for side in (HEIGHT, WIDTH))
        feeds[f"state_in_{state['name']}"] = np.zeros((1, state["channels"], *sides), np.float32)
    session.run(["image"], feeds)
    done = time.perf_counter()
    sys.stdout.write(json.dumps({"opening": opened - began, "first_frame": done - opened}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _run_once(sys.argv[1])
