"""Frames per second of the models people use, at three sizes: docs/reference/frame-rates.md.

    python benchmarks/frame_rates.py

Every model takes a frame in turn, on two threads, next to OpenCV's non-local means and to bicubic enlargement. The file
in 8 bits and the one in float take part. The scene moves and each frame has noise of its own, since a recurrent model
spends more time on what moves. Do nothing else on the machine meanwhile.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import click
import cv2
import numpy as np
from comparison.methods import THREADS, Restore
from comparison.speed import time_all

from nitido.frames import Frame
from nitido.inference.model import Model
from nitido.inference.streaming import FrameStream
from nitido.model_file import zoo
from nitido.system.files import write_whole
from nitido.system.machine import describe_machine

ROOT = Path(__file__).parents[1]
PHOTO = ROOT / "samples" / "coffee.webp"
DENOISERS = (
    "denoise-camera-n",
    "denoise-camera-s",
    "denoise-camera-m",
    "denoise-live-n",
    "denoise-live-s",
    "denoise-n",
    "denoise-s",
)
UPSCALERS = "upscale-x2-photo-n", "upscale-x2-photo"
SIZES = {"640×480": (640, 480), "1280×720": (1280, 720), "1920×1080": (1920, 1080)}
NOISE = 8  # levels, so that what the models see is a noisy frame
STEP, WAY = 2, 8  # pixels that the scene moves from frame to frame, frames until it is back


def moving_frames(width: int, height: int, count: int) -> list[Frame]:
    """A photograph that moves to and fro, at that size, with new noise in each frame."""
    photo = cv2.imdecode(np.frombuffer(PHOTO.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert photo is not None
    sized = cv2.resize(photo, (width, height), interpolation=cv2.INTER_CUBIC)
    rng = np.random.default_rng(0)

    def frame(number: int) -> Frame:
        moved = np.roll(sized, (number % 2, STEP * abs(number % WAY - WAY // 2)), (0, 1))
        return np.clip(moved + rng.normal(0, NOISE, moved.shape), 0, 255).astype(np.uint8)

    return [frame(number) for number in range(count)]


def opened(name: str, stack: ExitStack) -> Restore:
    """A model on two threads that do not wait busily, from frame to frame; a recurrent one is aligned."""
    return FrameStream(stack.enter_context(Model(zoo.find(name), "cpu", threads=THREADS, spinning=False)))


def twice(frame: Frame) -> Frame:
    return np.asarray(cv2.resize(frame, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)


def non_local_means(frame: Frame) -> Frame:
    return np.asarray(cv2.fastNlMeansDenoisingColored(frame, None, 5, 5), np.uint8)


def rate(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def table(names: tuple[str, ...], peer: tuple[str, Callable[[Frame], Frame]], rounds: int) -> list[str]:
    """A row for each model: milliseconds and frames per second at each size, and the ratio of 8 bits to float."""
    lines = [f"| | {' | '.join(SIZES)} | 8 bits / float |", f"|---|{'--:|' * len(SIZES)}--:|"]
    found: dict[str, dict[str, float]] = {}
    for size, (width, height) in SIZES.items():
        with ExitStack() as stack:
            files = [file for name in names for file in (name, f"{name}.int8")]
            runs = {name: opened(name, stack) for name in files} | {peer[0]: peer[1]}
            for name, taken in time_all(runs, moving_frames(width, height, rounds + 1), rounds).items():
                if name != "sgemm":
                    found.setdefault(name, {})[size] = statistics.median(taken)
                    print(f"{size} {name}: {found[name][size]:.1f} ms", flush=True)
    for name, times in found.items():
        cells = " | ".join(f"{ms:.1f} ms, {rate(1000 / ms)} fps" for ms in times.values())
        base = found.get(name.removesuffix(".int8"), {})
        ratios = [times[size] / base[size] for size in SIZES] if name.endswith(".int8") else []
        lines.append(f"| {name} | {cells} | {f'{statistics.median(ratios):.2f}' if ratios else ''} |")
    return lines


@click.command(context_settings={"show_default": True})
@click.option("--rounds", default=9, help="Frames that each model gets at each size.")
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "docs/reference", help="Folder of the page.")
def main(rounds: int, out: Path) -> None:
    denoising = table(DENOISERS, ("OpenCV fastNlMeansDenoisingColored", non_local_means), rounds)
    upscaling = table(UPSCALERS, ("OpenCV bicubic", twice), rounds)
    machine = describe_machine()
    text = (
        "# Benchmarks: frames per second\n\n"
        "Made by `python benchmarks/frame_rates.py`. Machine: "
        f"{machine.cpu}, {machine.usable_cpus} cores, {machine.system}.\n"
        f"Median of {rounds} frames; all take turns, on {THREADS} threads. The scene moves. Only the model is timed,\n"
        "with alignment of `denoise-live-n`; decoding and showing a frame take extra time.\n\n"
        "## Denoising\n\n"
        + "\n".join(denoising)
        + "\n\n## Enlarging to twice the size\n\n"
        + "\n".join(upscaling)
        + "\n"
    )
    write_whole(out / "frame-rates.md", text.encode())


if __name__ == "__main__":
    main()
