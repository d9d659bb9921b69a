"""A clip, or many JPEG files, through ``nitido denoise``: how much of the slower part's rate the whole reaches.

    python benchmarks/pipeline.py clip [--size 1280x720] [--count 120] [--model denoise-live-n.int8]
    python benchmarks/pipeline.py pictures --size 1632x1224 --count 1000 --model denoise-camera-s.int8 --rounds 3

Three things take turns: decoding and encoding without a model, the model on decoded frames, and the whole, which
overlaps them. Without a model, the results that it gave are encoded, so the codecs have the same work. The whole can be
no faster than the slower of the two, nor than the cores allow, which is the CPU time of both, spread over all cores.
Do not run it next to other work.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import cast

import click
import cv2
import numpy as np
from versions import sides_of

from nitido.batch.engine import Settings
from nitido.batch.journal import Journal
from nitido.batch.plan import plan_jobs
from nitido.batch.run import run_jobs
from nitido.batch.videos import restore_video
from nitido.frames import Frame
from nitido.images.io import Picture, read_picture, write_picture
from nitido.inference.levels import Measured
from nitido.inference.model import Model
from nitido.model_file import zoo
from nitido.system.cpus import leave_cores_to_models, usable_cpus
from nitido.system.files import write_whole
from nitido.video.reader import VideoSource
from nitido.video.writer import VideoSink

SAMPLES = Path(__file__).parents[1] / "samples"
NOISE = 6.0  # levels, of a camera in a room
STEP = 3  # pixels that the view moves from frame to frame
DISTINCT = 20  # JPEG files that differ; more are copies, since all results are kept in memory
LANES = 2  # pictures inside the model at once, as in a batch


class Recorded:
    """A stand-in for a model: gives the results that the model gave for the same frames."""

    def __init__(self, model: Model, frames: Sequence[Frame], results: Sequence[Frame]) -> None:
        self.card, self.device, self.sha256, self.path = model.card, model.device, model.sha256, model.path
        self.has_noise = model.has_noise
        self._results = {_key(frame): result for frame, result in zip(frames, results, strict=True)}

    def measured(self, frame: Frame, **_options: object) -> Measured:
        return Measured(self._results[_key(frame)], None, None)

    def stream(self, frames: Iterable[Frame], **_options: object) -> Iterator[Frame]:
        for frame in frames:
            yield self._results[_key(frame)]


def _key(frame: Frame) -> int:
    return zlib.crc32(frame[::8, ::8].tobytes())


@dataclass(frozen=True)
class Taken:
    """seconds: of the clock. cpu: of all threads together."""

    seconds: float
    cpu: float


@dataclass(frozen=True)
class Parts:
    """What takes turns. files: decodes and encodes ``count`` frames or files. model: restores them, decoded. whole:
    both."""

    count: int
    files: Callable[[], None]
    model: Callable[[], None]
    whole: Callable[[], None]

    def timed(self) -> tuple[Taken, Taken, Taken]:
        return _timed(self.files), _timed(self.model), _timed(self.whole)


def _timed(run: Callable[[], None]) -> Taken:
    began, cpu = time.perf_counter(), time.process_time()
    run()
    return Taken(time.perf_counter() - began, time.process_time() - cpu)


def views(width: int, height: int, count: int) -> Iterator[Frame]:
    """Noisy views of the samples, each a little further to the right than the one before."""
    photos = [read_picture(path).pixels for path in sorted(SAMPLES.glob("*.webp"))]
    wide = np.concatenate([cv2.resize(photo, (width, height), interpolation=cv2.INTER_CUBIC) for photo in photos], 1)
    rng = np.random.default_rng(0)
    for number in range(count):
        left = STEP * number % (wide.shape[1] - width)
        view = wide[:, left : left + width] + rng.normal(0, NOISE, (height, width, 3))
        yield np.clip(np.rint(view), 0, 255).astype(np.uint8)


def clip_parts(model: Model, folder: Path, width: int, height: int, count: int) -> Parts:
    """A clip written into the folder."""
    source, target = folder / "clip.mp4", folder / "out.mp4"
    with VideoSink(source, 30) as sink:
        for view in views(width, height, count):
            sink.write(view)
    with VideoSource(source) as decoded:
        frames = list(decoded)
    recorded = cast(Model, Recorded(model, frames, list(model.stream(frames))))

    def restore(through: Model) -> None:
        restore_video(through, source, target, Settings(), lambda: True)

    def stream() -> None:
        for _ in model.stream(frames):
            pass

    return Parts(len(frames), lambda: restore(recorded), stream, lambda: restore(model))


def picture_parts(model: Model, folder: Path, width: int, height: int, count: int) -> Parts:
    """JPEG files written into the folder."""
    source = folder / "in"
    names = [source / f"{number:05}.jpg" for number in range(count)]
    for name, view in zip(names, views(width, height, min(count, DISTINCT)), strict=False):
        write_picture(name, Picture(view))
    frames = [read_picture(name).pixels for name in names[:DISTINCT]]
    for number, name in enumerate(names[DISTINCT:]):
        name.write_bytes(names[number % DISTINCT].read_bytes())
    restore: Callable[[Frame], Frame] = model
    recorded = cast(Model, Recorded(model, frames, [restore(frame) for frame in frames]))

    def run(through: Model) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as target, Journal(Path(target)) as journal:
            report = run_jobs(through, plan_jobs([source], Path(target)), journal=journal)
        if len(report.done) != count:
            raise click.ClickException(f"only {len(report.done)} of {count} were done: {report.failed[:1]}")

    def bare() -> None:
        with ThreadPoolExecutor(LANES) as lanes:
            for _ in lanes.map(restore, islice(cycle(frames), count)):
                pass

    return Parts(count, lambda: run(recorded), bare, lambda: run(model))


@dataclass(frozen=True)
class Result:
    """Rates in frames or files per second, medians of the rounds. of_slower: rate of the whole ÷ that of the slower
    part, median; of_each_round: in each round. of_cores: of what the cores allow."""

    count: int
    cores: int
    files: float
    model: float
    whole: float
    of_slower: float
    of_each_round: list[float]
    of_cores: float


def measure(parts: Parts, rounds: int) -> Result:
    parts.whole()  # what is loaded with the first frame
    taken = [parts.timed() for _ in range(rounds)]
    cores = usable_cpus()
    ratios = [max(files.seconds, model.seconds) / whole.seconds for files, model, whole in taken]
    allowed = [
        max(files.seconds, model.seconds, (files.cpu + model.cpu) / cores) / whole.seconds
        for files, model, whole in taken
    ]
    files, model, whole = (parts.count / statistics.median(row[which].seconds for row in taken) for which in range(3))
    return Result(
        parts.count, cores, files, model, whole, statistics.median(ratios), ratios, statistics.median(allowed)
    )


@click.command(context_settings={"show_default": True})
@click.argument("kind", type=click.Choice(["clip", "pictures"]))
@click.option("--model", "name", default="denoise-live-n.int8", help="Model name or .onnx file.")
@click.option("--size", default="1280x720", help="Width and height in pixels.")
@click.option("--count", default=120, type=click.IntRange(2), help="Frames of the clip, or files.")
@click.option("--rounds", default=5, type=click.IntRange(1))
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Also write the numbers here.")
def main(kind: str, name: str, size: str, count: int, rounds: int, json_path: Path | None) -> None:
    """Time a clip, or pictures, through a model: the files alone, the model alone, and the whole."""
    width, height = sides_of(size)
    path = zoo.find(name)
    leave_cores_to_models()
    with tempfile.TemporaryDirectory() as scratch, Model(path, "cpu", spinning=False) as model:
        prepare = clip_parts if kind == "clip" else picture_parts
        found = measure(prepare(model, Path(scratch), width, height, count), rounds)
    unit, low, high = "frames" if kind == "clip" else "files", min(found.of_each_round), max(found.of_each_round)
    print(f"{path.name}, {count} {unit} of {width}×{height}, {rounds} rounds, {found.cores} cores; medians")
    print(f"  decoding and encoding alone    {found.files:8.2f} {unit}/s")
    print(f"  model alone                    {found.model:8.2f} {unit}/s")
    print(f"  whole                          {found.whole:8.2f} {unit}/s")
    print(f"  whole / slower part            {found.of_slower:8.3f}  (rounds {low:.3f} to {high:.3f})")
    print(f"  whole / what the cores allow   {found.of_cores:8.3f}")
    if json_path is not None:
        write_whole(json_path, (json.dumps({"model": path.name, **asdict(found)}, indent=2) + "\n").encode())


if __name__ == "__main__":
    main()
