"""The catalogue of a folder of models, made from their cards: the index for the runtime, and a page for people."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nitido.model_file.card import CONTRACT, Card
from nitido.system.files import write_whole

INDEX, TABLE = "index.json", "README.md"
_UNITS = {  # of metrics that are not in dB, and decimal places
    "SSIM": ("", 4),
    "accuracy": ("", 4),
    "ELBO": (" nats", 2),
    "Fréchet distance": ("", 1),
    "sliced Wasserstein distance": ("", 1),
    "distance of note statistics": ("", 3),
}


def add_to_catalogue(folder: Path, card: Card, file: Path) -> None:
    """Enters a model file into the folder's index, where it replaces an older file of its name, and rewrites the page.

    The first model of a task and scale becomes the default for the task's name in this folder, and stays it.
    Raises ``SinkUnavailable``.
    """
    rows = _rows(folder)
    kept = next((row for row in rows if row["name"] == card.name), None)
    rows = [row for row in rows if row is not kept]
    others = any((row["task"], row["scale"]) == (card.task, card.scale) and row["default"] for row in rows)
    rows.append(
        {
            "name": card.name,
            "file": file.name,
            "task": card.task,
            "scale": card.scale,
            "summary": card.summary,
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            "default": kept["default"] if kept else not others,
        }
    )
    rows.sort(key=lambda row: row["name"])
    index = {"contract": CONTRACT, "models": rows}
    write_whole(folder / INDEX, (json.dumps(index, indent=2, ensure_ascii=False) + "\n").encode())
    write_whole(folder / TABLE, _table(folder, rows).encode())


def picture_of(file: Path) -> Path:
    """The path of the picture that shows what a model does. file: the model."""
    return file.parent / "pictures" / f"{file.stem}.webp"


def _rows(folder: Path) -> list[dict[str, Any]]:
    """The current index, without models whose file or card was deleted."""
    path = folder / INDEX
    rows = json.loads(path.read_text(encoding="utf-8"))["models"] if path.is_file() else []
    files = [folder / row["file"] for row in rows]
    return [r for r, file in zip(rows, files, strict=True) if file.is_file() and file.with_suffix(".json").is_file()]


def _table(folder: Path, rows: Sequence[dict[str, Any]]) -> str:
    lines = [
        "# Models",
        "",
        "`nitido export` writes this page from the model cards. The quality of a model was measured with",
        "`nitido evaluate MODEL --data SET`; `nitido info MODEL` shows the results of all conditions. Loss and speed",
        "of int8 files are compared with the float model and were measured during the export. Samples",
        "are those of the decoder's second stage (`benchmarks/generators.py`).",
        "",
        "| model | what it does | file size | MAC per pixel | computes in | quality | loss and speed in 8 bits |",
        "|---|---|---|---|---|---|---|",
    ]
    sections: list[str] = []
    licences: dict[str, list[str]] = {}
    for row in rows:
        file = folder / row["file"]
        card = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
        licences.setdefault(card["licence"], []).append(row["name"])
        sections += _shown(file, card)
        lines.append(
            f"| {row['name']} | {row['summary']} | {file.stat().st_size / 1000:.0f} KB | "
            f"{card['macs_per_pixel'] / 1000:.1f} K | {card['precision']} | {_quality(card['evaluation'])} | "
            f"{_price(card.get('quantization') or {})} |"
        )
    if len(licences) == 1:
        lines += ["", f"Licence of the weights: {next(iter(licences))}."]
    else:
        lines += ["", *(f"Licence of {', '.join(names)}: {licence}.  " for licence, names in licences.items())]
    return "\n".join([*lines, *sections, ""])


def _shown(file: Path, card: dict[str, Any]) -> list[str]:
    """The section of a model; empty for a model without a picture."""
    picture = picture_of(file)
    if not picture.is_file():
        return []
    training = card["training"]
    known = f" Known to fail: {training['failures']}." if training.get("failures") else ""
    sets = [r["set"] for r in card["evaluation"]]
    measured = [
        "| " + " | ".join((f"{r['set']}, {r['condition']}", with_unit(r, "value"), with_unit(r, "baseline"))) + " |"
        for r in card["evaluation"]
    ]
    command = f"nitido evaluate {card['name']}" + "".join(f" --data {name}" for name in dict.fromkeys(sets))
    return [
        "",
        f"## {card['name']}",
        "",
        f"{card['summary']}. Recipe `{training['recipe']['name']}`, {training['steps']:,} steps. Training pictures: "
        f"{training['data']}.{known}",
        "",
        f"![input, result, original]({picture.relative_to(file.parent).as_posix()})",
        "",
        *([f"| `{command}` | {card['name']} | input or bicubic |", "|---|--:|--:|", *measured] if measured else []),
    ]


def _price(quantization: dict[str, Any]) -> str:
    """Loss and speed of lower precision."""
    if "speedup" in quantization:
        return f"{quantization['drop']:.2f} dB, ×{quantization['speedup']:.2f}"
    if quantization.get("kind") == "weights only":
        return f"{max(0.0, quantization['loss']):.2%}"
    return ""


def with_unit(row: dict[str, Any], key: str) -> str:
    """A figure of an evaluation row for people."""
    unit, places = _UNITS.get(row["metric"], (" dB", 2))
    return f"{row[key]:.{places}f}{unit}"


def _quality(evaluation: Sequence[dict[str, Any]]) -> str:
    """The first set's conditions in one cell, and the first figure of samples."""
    samples = next((r for r in evaluation if r["set"] == "samples"), None)
    return _of_first_set(evaluation) + (
        f"; samples: {samples['metric']} {with_unit(samples, 'value')}" if samples else ""
    )


def _of_first_set(evaluation: Sequence[dict[str, Any]]) -> str:
    first = [r for r in evaluation if r["set"] == evaluation[0]["set"]]
    if not first:
        return "not measured"
    if len({r["metric"] for r in first}) > 1:
        return f"{first[0]['set']}: " + ", ".join(f"{r['metric']} {with_unit(r, 'value')}" for r in first)
    what = ", ".join(r["condition"].removeprefix("gaussian sigma ") for r in first)
    values = " / ".join(f"{r['value']:.2f}" for r in first)
    return f"{first[0]['set']} {what}: {values} dB"
