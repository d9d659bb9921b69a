"""The results as a page in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from comparison.datasets import CAMERAS, FEW, REAL, SCALES, SETS, SHRINKS
from comparison.methods import THREADS
from comparison.published import PUBLISHED, UNCLIPPED, Published
from comparison.quality import SLOW_TUNED_ON, TUNED_ON
from comparison.results import Results
from nitido_train.data.degrade import CAMERA_JPEG, SIGMAS

Column = tuple[str, str]  # set, condition
NOTHING = ""
STANDARD = next(iter(SHRINKS))
_FACTS = ("parameters", "MAC per input pixel", "file", "640×480 frame", "of the sgemm peak", "peak memory")


@dataclass(frozen=True)
class Line:
    """A row of a table to be. facts: cells in the order of ``_FACTS``. scores: (PSNR, SSIM or ``None``) by column."""

    name: str
    facts: tuple[str, ...]
    scores: Mapping[Column, tuple[float, float | None] | None]


def render(results: Results, *, command: str, plot: str, task: str | None = None, quick: bool = False) -> str:
    """The page. command: that made it. plot: the picture's path as seen from the page. task: only this one. quick: of
    parts of few pictures."""
    parts = [
        "# Benchmarks",
        "",
        f"Made by `{command}`. {_machine(results.machine)}",
        "",
        f"![Quality over time]({plot})",
    ]
    parts += ["", *([_QUICK, ""] if quick else []), _READING]
    for title, wanted, sections in (("Denoising", "denoise", _denoising), ("Upscaling", "upscale", _upscaling)):
        if task in (None, wanted):
            parts += ["", f"## {title}", "", *sections(results)]
    done = {row.dataset for row in results.quality.values()}
    sets = [name for kind, names in SETS.items() if task in (None, kind) for name in names if name not in done]
    if missing := [*results.missing, *(f"{name}: not measured yet" for name in sets)]:
        parts += ["", "## Left out", "", *(f"- {line}" for line in missing)]
    sources = dict.fromkeys(p.source for p in PUBLISHED if task in (None, p.task))
    parts += ["", "## Published figures", "", *(f"- {source}" for source in sources), ""]
    return "\n".join(parts)


def table(lines: Sequence[Line], columns: Sequence[Column], *, facts: bool = True) -> list[str]:
    """A Markdown table; the best measured PSNR of a column in bold. Columns of one set stand under it: its name is
    said once. Empty cells are what was not measured or is not known."""
    heads = [f"{dataset} {condition}" for dataset, condition in columns]
    head = ["method", *(_FACTS if facts else ()), *heads]
    best = {
        column: max(
            (s[0] for line in lines if "published" not in line.name and (s := line.scores.get(column))), default=0
        )
        for column in columns
    }
    rows = [head, ["---", *(["--:"] * (len(head) - 1))]]
    for line in lines:
        cells = [_cell(line.scores.get(c), best[c], plain="published" in line.name) for c in columns]
        rows.append([line.name, *(line.facts if facts else ()), *cells])
    return [f"| {' | '.join(row)} |" for row in rows]


def _denoising(results: Results) -> list[str]:
    datasets = SETS["denoise"]
    gaussian = [(d, f"σ {sigma}") for d in datasets for sigma in SIGMAS]
    camera = [*((d, condition) for d in datasets for condition in CAMERAS), (REAL, "real")]
    names = _names(results, {d for d, _ in [*gaussian, *camera]})
    lines = [_line(results, name, [*gaussian, *camera]) for name in names]
    published = [_published(p) for p in PUBLISHED if p.task == "denoise"]
    cameras = ", ".join(f"{name} (shot {c.shot:g}, read {c.read:.2g})" for name, c in CAMERAS.items())
    parts = [
        f"White Gaussian noise of standard deviation {', '.join(map(str, SIGMAS))}, seeded, rounded and clipped to "
        "uint8, because that is what a device gets. PSNR in dB / SSIM, both over all colours.",
        "",
        *table([*lines, *published], gaussian),
        "",
        f"Camera noise: {cameras}: variance shot · x + read in linear light of full scale 1, before white balance "
        "(blue 1.6, red 2.0), half of it shared with the neighbours as after demosaicing; then the sRGB curve and "
        f"JPEG at quality {CAMERA_JPEG}. {REAL}: pairs of real exposures and their mean.",
        "",
        *table(lines, camera, facts=False),
    ]
    parts += _subset(results, names, [*gaussian, *camera])
    strengths = _strengths(results, names, [*gaussian, *camera])
    return [*parts, "", "Strengths that were chosen, in 8-bit levels as each method takes them:", "", *strengths]


def _subset(results: Results, names: Sequence[str], columns: Sequence[Column]) -> list[str]:
    """All methods on the pictures that the slow ones did."""
    pictures: dict[Column, tuple[int, ...]] = {}
    for column in columns:
        rows = [row for name in names if (row := results.find(name, *column))]
        if rows and len({len(row.pictures) for row in rows}) > 1:
            pictures[column] = min((row.pictures for row in rows), key=len)
    if not pictures:
        return []
    lines = [_line(results, name, list(pictures), pictures) for name in names]
    counts = ", ".join(f"{n} of {d}" for d, n in {d: len(found) for (d, _), found in pictures.items()}.items())
    intro = f"All methods on every {FEW}th picture, as the slow ones ({counts}):"
    return ["", intro, "", *table(lines, list(pictures), facts=False)]


def _upscaling(results: Results) -> list[str]:
    parts = [
        "Measured on luma, without as many border pixels as the scale. The standard degradation is antialiased bicubic "
        "(a = −0.5, as in MATLAB's `imresize`; here Pillow's `BICUBIC`). Pictures that other software has shrunk are "
        "another task: OpenCV's `INTER_CUBIC` does not filter before it samples, `INTER_AREA` averages. PSNR in dB / "
        "SSIM.",
    ]
    for scale in SCALES:
        standard = [(d, f"×{scale} {STANDARD}") for d in SETS["upscale"]]
        others = [(d, f"×{scale} {how}") for d in SETS["upscale"] for how in SHRINKS if how != STANDARD]
        names = [
            name
            for name in _names(results, set(SETS["upscale"]))
            if any(results.find(name, *column) for column in standard)
        ]
        lines = [_line(results, name, [*standard, *others], scale=scale) for name in names]
        published = [_published(p) for p in PUBLISHED if p.task == "upscale" and p.scale == scale]
        parts += ["", f"### ×{scale}", "", *table([*lines, *published], standard)]
        if wide := [(n, ms) for n in names if (ms := _speed(results, n, scale).get("ms_wide"))]:
            parts += ["", "640×360 → 1280×720: " + ", ".join(f"{n} {ms:.1f} ms" for n, ms in wide) + "."]
        parts += ["", "Shrunk in other ways:", "", *table(lines, others, facts=False)]
    return parts


def _names(results: Results, datasets: set[str]) -> list[str]:
    """Methods in the order of their first set's first result; ours, which have parameters, first."""
    found = list(dict.fromkeys(row.method for row in results.quality.values() if row.dataset in datasets))
    return sorted(found, key=lambda name: name != "input" and "parameters" not in results.speed.get(name, {}))


def _line(
    results: Results,
    name: str,
    columns: Sequence[Column],
    pictures: Mapping[Column, Sequence[int]] | None = None,
    scale: int = 1,
) -> Line:
    """scale: of interpolations, whose time depends on it. pictures: those that count; by default the whole set."""
    speed = _speed(results, name, scale)
    scores = {}
    for column in columns:
        row = results.find(name, *column)
        whole = max(
            (len(r.pictures) for r in results.quality.values() if (r.dataset, r.condition) == column), default=0
        )
        wanted = pictures.get(column) if pictures else range(whole)
        scores[column] = row.mean(list(wanted)) if row and wanted else None
    return Line(name, _facts(speed), scores)


def _speed(results: Results, name: str, scale: int) -> Mapping[str, Any]:
    return results.speed.get(name) or results.speed.get(f"{name} ×{scale}") or {}


def _facts(speed: Mapping[str, Any]) -> tuple[str, ...]:
    def of(key: str, text: str, divisor: float = 1.0) -> str:
        return text.format(speed[key] / divisor) if speed.get(key) else NOTHING

    ms = of("ms", "{:.1f} ms") if speed.get("ms", 0) < 100 else of("ms", "{:,.0f} ms")
    return (
        of("parameters", "{:,.1f} K", 1000),
        of("macs_per_pixel", "{:,.1f} K", 1000),
        of("bytes", "{:,.0f} KB", 1000),
        ms,
        of("of_peak", "{:.2f}"),
        of("peak_mb", "{:,.0f} MB"),
    )


def _published(row: Published) -> Line:
    scores = {key: (value, row.ssim.get(key) if row.ssim else None) for key, value in row.psnr.items()}
    mark = UNCLIPPED if row.task == "denoise" else "published"
    facts = _facts({"parameters": row.parameters, "macs_per_pixel": row.macs_per_pixel})
    return Line(f"*{row.name}, {mark}*", facts, scores)


def _cell(score: tuple[float, float | None] | None, best: float, *, plain: bool) -> str:
    if score is None:
        return NOTHING
    text = f"{score[0]:.2f}"
    text = text if plain or text != f"{best:.2f}" else f"**{text}**"
    return text if score[1] is None else f"{text} / {score[1]:.3f}"


def _strengths(results: Results, names: Sequence[str], columns: Sequence[Column]) -> list[str]:
    rows = [["method", *(f"{d} {c}" for d, c in columns)], ["---", *(["--:"] * len(columns))]]
    for name in names:
        found = [results.find(name, *column) for column in columns]
        if any(row and row.strength is not None for row in found):
            rows.append([name, *(f"{r.strength:.1f}" if r and r.strength is not None else NOTHING for r in found)])
    return [f"| {' | '.join(row)} |" for row in rows]


def _machine(facts: Mapping[str, Any]) -> str:
    if not facts:
        return "Nothing was timed yet."
    busy = f" **The machine was busy when this was timed (load {facts['load']:.1f}).**" if facts["load"] > 0.5 else ""
    versions = f"onnxruntime {facts['onnxruntime']}, OpenCV {facts['opencv']}, {facts['ffmpeg'] or 'no ffmpeg'}"
    return (
        f"Machine: {facts['cpu']}, {facts['cores']} cores ({', '.join(facts['extensions']) or 'no AVX2'}), "
        f"{facts['system']}; {versions}, Python {facts['python']}. Best product of float32 matrices (sgemm, numpy): "
        f"{facts['sgemm_gmacs']:.1f} GMAC/s on {facts['threads']} threads.{busy}"
    )


_QUICK = "**A try on parts of a few pictures: these figures cannot be compared with published ones.**"
_READING = f"""\
Every method got exactly the same bytes.

- **Time**: median of alternating rounds on one 640×480 photograph (for denoisers with noise of σ 25), on at most
  {THREADS} threads, without busy-waiting. ffmpeg's filters are timed by ffmpeg itself, without pipes and start-up.
- **Of the sgemm peak**: multiply-accumulates per second, divided by those of the best float32 matrix product in the
  same rounds. Models in 8 bits can exceed 1.
- **Memory**: peak of a process that opens the method and restores one frame (for ffmpeg, of the ffmpeg process).
- **Strength**: filters with a strength use the best one for every {TUNED_ON}th picture of the set that they are then
  measured on (BM3D: every {SLOW_TUNED_ON}th). This favours the filters. Models have no such help: one file is used for
  all noise.
- **BM3D** is slow and was run on every {FEW}th picture. A separate table has all methods on these pictures.
- **hqdn3d** is made for video and gets single frames here."""
