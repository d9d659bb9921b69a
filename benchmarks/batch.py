"""A folder of small files through a batch, compared with bare ``session.run`` on the same frames already decoded.

    python benchmarks/batch.py [--files 10000] [--side 256] [--format jpeg] [--json FILE]

The files are crops of samples/, all different. They are done in blocks; in each, the bare session and the batch take
turns in this process, so that other work on the machine meets both. The batch reads, decodes, encodes, syncs, renames
and journals every file. There are two bare sessions, with onnxruntime's own options and with waiting threads that do
not spin (which the batch uses); the ratio is to the faster of the two in the same block. Do not run it next to other
work.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

import click
import cv2
import numpy as np
import onnxruntime as ort

from nitido.batch.engine import Settings
from nitido.batch.journal import Journal
from nitido.batch.plan import plan_jobs
from nitido.batch.run import producer_of, run_jobs
from nitido.images.io import SUFFIX_OF, Encoding, Picture, read_picture, write_picture
from nitido.inference.model import load
from nitido.model_file import zoo

SAMPLES = Path(__file__).parents[1] / "samples"


def make_files(folder: Path, count: int, side: int, suffix: str) -> None:
    """Writes ``count`` crops of the samples, side×side pixels."""
    photos = [read_picture(path).pixels for path in sorted(SAMPLES.glob("*.webp"))]
    rng = np.random.default_rng(0)
    for number in range(count):
        photo = photos[number % len(photos)]
        top, left = (int(rng.integers(0, length - side + 1)) for length in photo.shape[:2])
        crop = np.ascontiguousarray(photo[top : top + side, left : left + side])
        write_picture(folder / f"{number // 500:03}" / f"{number:05}{suffix}", Picture(crop))


def bare_session(path: Path, *, spinning: bool) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    if not spinning:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@click.command()
@click.option("--model", default="denoise-n", show_default=True, help="Model name or .onnx file.")
@click.option("--files", type=click.IntRange(2), default=10_000, show_default=True)
@click.option("--side", type=click.IntRange(16, 300), default=256, show_default=True, help="Of a file, in pixels.")
@click.option("--format", "kind", type=click.Choice(list(SUFFIX_OF)), default="jpeg", show_default=True)
@click.option("--blocks", type=click.IntRange(1), default=10, show_default=True)
@click.option("--workers", type=click.IntRange(1), help="As of the batch.  [default: cores + 2]")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Also write the numbers here.")
def main(
    model: str, files: int, side: int, kind: str, blocks: int, workers: int | None, json_path: Path | None
) -> None:
    path = zoo.find(model)
    loaded = load(str(path), "cpu", spinning=False)
    settings = Settings(workers=workers, encoding=Encoding(software="benchmark"))
    sessions = {"bare": bare_session(path, spinning=True), "bare, not spinning": bare_session(path, spinning=False)}
    rates: dict[str, list[float]] = {name: [] for name in (*sessions, "batch")}
    with tempfile.TemporaryDirectory() as scratch:
        source, target = Path(scratch) / "in", Path(scratch) / "out"
        make_files(source, files, side, SUFFIX_OF[kind])
        jobs = plan_jobs([source], target)
        warm = read_picture(jobs[0].source).pixels
        loaded(warm)
        for session in sessions.values():
            session.run(["image"], {"frame": warm[None]})
        with Journal(target) as journal:
            for block in np.array_split(np.arange(files), min(blocks, files)):
                part = [jobs[i] for i in block]
                frames = [np.asarray(cv2.imread(str(job.source)), np.uint8)[None] for job in part]
                for name, session in sessions.items():
                    began = time.perf_counter()
                    for frame in frames:
                        session.run(["image"], {"frame": frame})
                    rates[name].append(len(part) / (time.perf_counter() - began))
                began = time.perf_counter()
                report = run_jobs(loaded, part, settings, journal=journal)
                rates["batch"].append(len(part) / (time.perf_counter() - began))
                if len(report.done) != len(part):
                    raise click.ClickException(f"only {len(report.done)} of {len(part)} were done: {report.failed[:1]}")
    fastest = [max(pair) for pair in zip(*(rates[name] for name in sessions), strict=True)]
    ratios = [batch / bare for batch, bare in zip(rates["batch"], fastest, strict=True)]
    table = {name: statistics.median(values) for name, values in rates.items()}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{path.name}, {files} {kind} files of {side}×{side} in {len(ratios)} blocks, {os.cpu_count()} cores; medians"
    )
    for name, rate in table.items():
        print(f"  {name:20} {rate:8.1f} files/s")
    print(f"  batch / faster bare  {statistics.median(ratios):8.3f}  (blocks {min(ratios):.3f} to {max(ratios):.3f})")
    print(f"  peak memory {peak:.0f} MB, the decoded frames of one block among it")
    if json_path:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "model": path.name,
            "maker": producer_of(loaded, settings).sha256,
            "files": files,
            "side": side,
            "format": kind,
            "cores": os.cpu_count(),
            "files_per_second": table,
            "ratio": statistics.median(ratios),
            "ratios": ratios,
            "peak_mb": peak,
        }
        json_path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
