"""Compares denoisers on clips: the page "Benchmarks: video" and its JSON file.

    python benchmarks/clips.py --data DATA [--model NAME]... [--only ours|peers] [--quick]

DATA holds eval/DAVIS and video/. Each row is saved as it is measured: an interrupted run continues, and after a new
model only that one is measured. --vapoursynth names the Python of an environment with VapourSynth, see
footage/vapoursynth_clips.py; without it MVTools and DFTTest are left out.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import click
from footage import methods, page
from footage.clips import CLIPS, CONDITIONS, TUNED_ON, Clip, open_trial
from footage.measures import measure
from footage.methods import Method
from footage.results import Results
from footage.tuning import best_strength

from nitido.system.files import write_whole

ROOT = Path(__file__).parents[1]
MODELS = ("denoise-camera-n.int8", "denoise-n.int8")
ROUNDS = 3  # of a timing
TIMED = "vtest", "camera mid, JPEG 85"


def run(
    data: Path,
    found: Sequence[Method],
    clips: Sequence[Clip],
    conditions: Sequence[str],
    results: Results,
    *,
    quick: bool,
) -> None:
    """Measures whatever is not in the results yet."""
    for condition in conditions:
        strengths = {method.name: _strength(data, method, condition, results) for method in found}
        for clip in clips:
            trial = open_trial(data, clip, condition, quick=quick)
            for method in found:
                strength = strengths[method.name]
                if results.holds(method, strength, trial):
                    continue
                done = measure(method.open(strength)(trial.given), trial.clean)
                results.add(method, strength, trial, done)
                print(f"  {trial.key:36} {method.name:40} {done.settled:6.2f} dB", flush=True)


def _strength(data: Path, method: Method, condition: str, results: Results) -> float:
    known = results.strength(method, condition)
    if method.start == 0 or known is not None:
        return known or 0.0
    trials = [open_trial(data, clip, condition, quick=True) for clip in CLIPS if clip.name in TUNED_ON]
    chosen = best_strength(method, trials)
    results.add_strength(method, condition, chosen)
    print(f"  {condition}: {method.name} at {chosen:g}", flush=True)
    return chosen


def time_all(data: Path, found: Sequence[Method], results: Results) -> None:
    """Times all methods in turns, so that the ratios hold on a machine that is not quiet."""
    name, condition = TIMED
    trial = open_trial(data, next(c for c in CLIPS if c.name == name), condition)
    opened = {m.name: m.open(results.strength(m, condition) or m.least or 1.0) for m in found if m.name != "noisy"}
    times: dict[str, list[float]] = {name: [] for name in opened}
    for _ in range(ROUNDS):
        for name, restore in opened.items():
            began = time.perf_counter()
            restore(trial.given)
            times[name].append(time.perf_counter() - began)
    first = statistics.median(next(iter(times.values())))
    results.times = {name: round(statistics.median(taken) / first, 2) for name, taken in times.items()}
    results.save()


def _chosen(names: Sequence[str], text: str | None) -> list[str]:
    """Those of the names that contain one of the texts, separated by ``;``."""
    return [n for n in names if text is None or any(part.strip() in n for part in text.split(";"))]


@click.command(context_settings={"show_default": True})
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True, help="Folder of the clips.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder of the page.  [default: docs/reference; quick: benchmarks/out]",
)
@click.option("--model", "models", multiple=True, default=MODELS, help="Model name or file; the first is the measure.")
@click.option("--clips", metavar="TEXT", help='Only such clips, as "coffee;vtest".')
@click.option("--conditions", metavar="TEXT", help='Only such noise, as "camera mid, JPEG;σ 25".')
@click.option("--only", type=click.Choice(["ours", "peers"]), help="One of the two groups.")
@click.option("--without", multiple=True, metavar="NAME", help="Leave a method out.")
@click.option("--vapoursynth", type=click.Path(path_type=Path, exists=True), help="Python that has VapourSynth.")
@click.option("--quick", is_flag=True, help="A try: parts of fewer frames.")
@click.option("--time", "timed", is_flag=True, help="Measure times too; do nothing else meanwhile.")
def main(
    data: Path, out: Path | None, models: tuple[str, ...], clips: str | None, conditions: str | None, only: str | None,
    without: tuple[str, ...], vapoursynth: Path | None, quick: bool, timed: bool,
) -> None:  # fmt: skip
    out = out or ROOT / ("benchmarks/out" if quick else "docs/reference")
    stem = "video-quick" if quick else "video"
    results = Results(out / f"{stem}.json")
    found: list[Method] = []
    if only != "peers":
        found += [methods.untouched(), *(row for model in models for row in methods.model_rows(model))]
    if only != "ours":
        others, results.missing = methods.peers(vapoursynth)
        found += others
    found = [method for method in found if method.name not in without]
    print(*(method.name for method in found), sep=", ")
    wanted = _chosen([clip.name for clip in CLIPS], clips)
    chosen = [clip for clip in CLIPS if clip.name in wanted]
    run(data, found, chosen, _chosen(list(CONDITIONS), conditions), results, quick=quick)
    if timed:
        time_all(data, found, results)
    results.save()
    write_whole(out / f"{stem}.md", page.render(results, f"make bench-video DATA={data.name}").encode())
    print(f"wrote {out / stem}.md and .json")


if __name__ == "__main__":
    main()
