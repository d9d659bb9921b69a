"""The live loop under overload, its share of the bare model's speed, and what it costs when little happens.

    python benchmarks/live.py [--model denoise] [--size 640x480] [--seconds 6] [--json FILE]

Delay: a camera 1.6 times as fast as the model, once through the live loop and once through a loop with a queue, in one
run. Speed: frames per second of the live loop against bare ``session.run``, in alternating rounds, median of the pairs.
Idle: processor time at 10 frames per second. Other work on the machine makes all of it worse; compare within a run.
"""

from __future__ import annotations

import json
import queue
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np

from nitido.frames import Frame
from nitido.inference.model import Model
from nitido.inference.session import open_session
from nitido.live.ladder import percentile_95
from nitido.live.loop import run
from nitido.live.sinks import NullSink
from nitido.live.state import Controls
from nitido.model_file.zoo import find


class Camera:
    """Gives the same few noisy frames at a fixed rate, for so many seconds."""

    live = True
    reconnects = 0

    def __init__(self, size: tuple[int, int], fps: float, seconds: float) -> None:
        rng = np.random.default_rng(0)
        self.frames = [rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8) for _ in range(4)]
        self.fps, self.seconds = fps, seconds
        self._closed = False

    def __iter__(self) -> Iterator[Frame]:
        began = time.monotonic()
        for number in range(round(self.fps * self.seconds)):
            time.sleep(max(0.0, began + number / self.fps - time.monotonic()))
            if self._closed:
                return
            yield self.frames[number % 4]

    def close(self) -> None:
        self._closed = True

    def __enter__(self) -> Camera:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def per_call(call: Callable[[], object], seconds: float) -> tuple[float, float]:
    """(wall, processor) seconds of one call, over as many as fit; both are means."""
    wall, processor, calls = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - wall < seconds:
        call()
        calls += 1
    return (time.perf_counter() - wall) / calls, (time.process_time() - processor) / calls


def with_queue(model: Model, camera: Camera) -> list[float]:
    """The delays of a loop that takes each frame in turn."""
    waiting: queue.Queue[tuple[float, Frame] | None] = queue.Queue()

    def capture() -> None:
        for frame in camera:
            waiting.put((time.monotonic(), frame))
        waiting.put(None)

    threading.Thread(target=capture, daemon=True).start()
    delays: list[float] = []
    while (item := waiting.get()) is not None:
        model(item[1])
        delays.append(time.monotonic() - item[0])
    return delays


def row(name: str, values: dict[str, float], unit: str) -> None:
    print(f"  {name:34}" + "".join(f"{key} {value:8.1f} {unit}   " for key, value in values.items()))


def measure_delay(model: Model, size: tuple[int, int], seconds: float) -> dict[str, Any]:
    """Both loops on a camera that is too fast: p95 of all delays, of the first and of the last quarter, in ms."""
    frame = Camera(size, 1, 0).frames[0]
    work, _ = per_call(lambda: model(frame), 2.0)
    fps = 1.6 / work
    delays = [1000 * value for value in with_queue(model, Camera(size, fps, seconds))]
    quarter = max(1, len(delays) // 4)
    naive = {
        "p95": percentile_95(delays),
        "first quarter": percentile_95(delays[:quarter]),
        "last quarter": percentile_95(delays[-quarter:]),
    }
    recent: list[float] = []
    with Camera(size, fps, seconds) as camera, NullSink() as sink:
        report = run(camera, model, sink, progress=lambda status: recent.append(status.p95_ms))
    live = {
        "p95": report.p95_ms,
        "first quarter": recent[len(recent) // 4],
        "last quarter": recent[-1],
    }
    frames = report.p95_ms / report.busy_p50_ms
    print(f"Delay, camera at {fps:.1f} fps, model {1000 * work:.1f} ms a frame")
    row("loop with a queue", naive, "ms")
    row("nitido live", live, "ms")
    print(f"  nitido live: p95 is {frames:.2f} frames of inference, {report.dropped} of {report.captured} dropped")
    return {"camera_fps": fps, "queue_ms": naive, "live_ms": live, "p95_in_inferences": frames}


def measure_speed(model: Model, size: tuple[int, int], seconds: float, rounds: int = 5) -> dict[str, Any]:
    """Frames per second of the live loop and of bare ``session.run``, with threads that wait busily and without."""
    frame = Camera(size, 1, 0).frames[0][None]
    sessions = {spinning: open_session(model.path, model.device, spinning=spinning)[0] for spinning in (False, True)}
    bare: dict[bool, list[float]] = {False: [], True: []}
    loop: list[float] = []
    for session in sessions.values():
        session.run(["image"], {"frame": frame})
    for _ in range(rounds):
        for spinning, session in sessions.items():
            wall, _ = per_call(lambda s=session: s.run(["image"], {"frame": frame}), seconds / 3)
            bare[spinning].append(1 / wall)
        with Camera(size, 1.25 * bare[False][-1], seconds / 3) as camera, NullSink() as sink:
            loop.append(run(camera, model, sink).fps)
    ratios = {s: statistics.median(a / b for a, b in zip(loop, bare[s], strict=True)) for s in bare}
    print(f"Speed, median of {rounds} rounds")
    row("session.run", {"": statistics.median(bare[False])}, "fps")
    row("session.run, spinning threads", {"": statistics.median(bare[True])}, "fps")
    row("nitido live", {"": statistics.median(loop)}, "fps")
    print(f"  nitido live is {ratios[False]:.3f} of session.run, {ratios[True]:.3f} of it with spinning threads")
    return {
        "live_fps": statistics.median(loop),
        "bare_fps": statistics.median(bare[False]),
        "bare_spinning_fps": statistics.median(bare[True]),
        "ratio": ratios[False],
        "ratio_spinning": ratios[True],
        "rounds": {"live": loop, "bare": bare[False], "bare_spinning": bare[True]},
    }


def measure_idle(model: Model, size: tuple[int, int], seconds: float) -> dict[str, float]:
    """Processor time at 10 frames per second, in per cent of one core."""

    def used(by: Model, *, bypass: bool = False) -> float:
        controls = Controls()
        controls.bypass = bypass
        by.warm_up(size[1], size[0])
        wall, processor = time.perf_counter(), time.process_time()
        with Camera(size, 10, seconds) as camera, NullSink() as sink:
            run(camera, by, sink, controls=controls)
        return 100 * (time.process_time() - processor) / (time.perf_counter() - wall)

    frame = Camera(size, 1, 0).frames[0]
    _, alone = per_call(lambda: model(frame), 2.0)
    spinning = Model(model.path, model.device, spinning=True)
    found = {
        "the model alone, 10 times": 100 * 10 * alone,
        "nitido live": used(model),
        "with spinning threads": used(spinning),
        "nitido live, bypassed": used(model, bypass=True),
    }
    print("Processor at 10 fps, of one core")
    for name, value in found.items():
        row(name, {"": value}, "%")
    return found


@click.command()
@click.option("--model", "name", default="denoise", show_default=True)
@click.option("--size", default="640x480", show_default=True)
@click.option("--seconds", default=6.0, show_default=True, help="For each measurement.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Also write the numbers here.")
def main(name: str, size: str, seconds: float, json_path: Path | None) -> None:
    width, _, height = size.partition("x")
    shape = (int(width), int(height))
    model = Model(find(name), "cpu", spinning=False)
    model.warm_up(shape[1], shape[0])
    print(f"{model.card.name}, {size}")
    found = {
        "model": model.card.name,
        "size": size,
        "delay": measure_delay(model, shape, seconds),
        "speed": measure_speed(model, shape, seconds),
        "idle": measure_idle(model, shape, seconds),
    }
    if json_path:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
