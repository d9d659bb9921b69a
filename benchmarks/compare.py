"""Compares every denoiser and upscaler of Nítido with other tools in one run: a table, a JSON file and a plot.

    python benchmarks/compare.py --data EVAL [--quick] [--only denoise|upscale] [--out FOLDER]

EVAL, or its folder ``eval``, holds CBSD68, Kodak24, PolyU-real-noise, Set5, Set14 and B100. Quality is saved in
FOLDER/benchmarks.json as it is measured: an interrupted run continues, and after a new model only that one is measured.
All times are measured again, so that they come from one run; run nothing else meanwhile. OpenCV's dnn_superres takes
part if opencv-contrib-python is installed instead of opencv-python and ``--superres`` names a folder of its networks.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from pathlib import Path

import click
import cv2
import numpy as np
from comparison import datasets, methods, page, plot, quality, speed
from comparison.methods import Method
from comparison.results import Results

from nitido.frames import Frame
from nitido.system.files import write_whole

ROOT = Path(__file__).parents[1]
TASKS = ("denoise", "upscale")
WIDTH, HEIGHT = 640, 480
WIDE_HEIGHT = 360  # to 1280×720
SIGMA = 25  # of the frame that denoisers are timed on


def measure_quality(
    data: Path, found: Sequence[Method], task: str, results: Results, *, quick: bool, wanted: Sequence[str] = ()
) -> None:
    """wanted: texts of which one must be in a trial's key; without any, all trials."""
    given = (
        datasets.denoise_trials(data, quick=quick) if task == "denoise" else datasets.upscale_trials(data, quick=quick)
    )
    for trial in given:
        if wanted and not any(text in trial.key for text in wanted):
            continue
        results.drop_others(trial.dataset, trial.condition, trial.digest)
        for method in quality.fitting(found, trial):
            if quality.measure(method, trial, results):
                print(f"  {trial.key:32} {method.name:28} {results.describe(method.name, trial.key)}", flush=True)


def measure_speed(found: Sequence[Method], task: str, results: Results, frame: Frame, rounds: int) -> float:
    """Replaces the task's times in the results; returns the ms of the fastest matrix product."""
    settings: dict[str, tuple[Method, float]] = {}
    for method in found:
        if method.name == "input":
            continue
        if method.scale == 0:
            settings |= {f"{method.name} ×{scale}": (method, float(scale)) for scale in datasets.SCALES}
        else:
            row = results.find(method.name, "CBSD68", f"σ {SIGMA}")
            chosen = (row and row.strength) or method.start * SIGMA
            settings[method.name] = (method, chosen if task == "denoise" else float(method.scale))
    runs = {name: method.open(setting) for name, (method, setting) in settings.items()}
    times = speed.time_all(runs, frame, rounds)
    product = min(times["sgemm"])
    results.speed = {name: row for name, row in results.speed.items() if row["task"] != task}
    for name, (method, setting) in settings.items():
        row = speed.describe(method, setting, times[name], product, frame)
        results.speed[name] = row
        print(f"  {name:32} {row['ms']:9.1f} ms  {row['peak_mb'] or 0:7.0f} MB", flush=True)
    if task == "upscale":
        doubling = {name: run for name, run in runs.items() if settings[name][1] == 2}
        for name, taken in speed.time_all(doubling, frame[:WIDE_HEIGHT], rounds).items():
            if name in doubling:
                results.speed[name]["ms_wide"] = round(statistics.median(taken), 3)
    results.save()
    return product


def timed_frame(data: Path, task: str) -> Frame:
    """640×480 of a photograph; noisy for denoisers, some of which take longer where there is more to do."""
    photo = datasets.first_picture(data / datasets.SETS["denoise"][-1])
    frame = np.asarray(cv2.resize(photo, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)
    return datasets.add_noise(frame, f"σ {SIGMA}", 0) if task == "denoise" else frame


@click.command(context_settings={"show_default": True})
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True, help="Folder of the test sets.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder of the page.  [default: docs/reference; quick: benchmarks/out]",
)
@click.option("--quick", is_flag=True, help="A try: parts of two pictures of each set, few rounds.")
@click.option("--only", type=click.Choice(TASKS), help="One of the two tasks.")
@click.option(
    "--model", "more", type=click.Path(path_type=Path, exists=True), multiple=True, help="A further .onnx file."
)
@click.option("--superres", type=click.Path(path_type=Path, exists=True), help="Folder of FSRCNN_x2.pb and the like.")
@click.option("--without", multiple=True, metavar="NAME", help="Leave a method out: BM3D takes most of the time.")
@click.option(
    "--trial", "wanted", multiple=True, metavar="TEXT", help='Only such pictures, as "CBSD68 | σ 25" or real.'
)
@click.option("--no-speed", is_flag=True, help="Keep the times of an earlier run.")
def main(
    data: Path, out: Path | None, quick: bool, only: str | None, more: tuple[Path, ...], superres: Path | None,
    without: tuple[str, ...], wanted: tuple[str, ...], no_speed: bool,
) -> None:  # fmt: skip
    out = out or ROOT / ("benchmarks/out" if quick else "docs/reference")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    data = data / "eval" if (data / "eval").is_dir() else data
    stem = "quick" if quick else "benchmarks"
    results = Results(out / f"{stem}.json")
    tasks = [only] if only else list(TASKS)
    results.missing = []
    products: list[float] = []
    for task in tasks:
        others, missing = methods.denoisers() if task == "denoise" else methods.upscalers()
        if task == "upscale" and superres and not missing:
            others += list(methods.superres_networks(superres))
        found = [m for m in (*methods.models(task, more), *others) if m.name not in without]
        results.missing += missing
        results.missing += [f"{m.name}: left out with --without" for m in others if m.name in without]
        results.drop_models(task, [m.name for m in found])
        print(f"{task}: {', '.join(m.name for m in found)}", *missing, sep="\n  left out: ")
        measure_quality(data, found, task, results, quick=quick, wanted=wanted)
        if not no_speed:
            rounds = 2 if quick else speed.ROUNDS
            products.append(measure_speed(found, task, results, timed_frame(data, task), rounds))
    if products:
        results.machine = speed.machine(min(products), load)
    results.save()
    write_whole(out / f"{stem}.png", plot.draw(results))
    command = f"make bench DATA={data.name}" + (" ARGS=--quick" if quick else "")
    text = page.render(results, command=command, plot=f"{stem}.png", quick=quick)
    write_whole(out / f"{stem}.md", text.encode())
    print(f"wrote {out / stem}.md, .png and .json")


if __name__ == "__main__":
    main()
