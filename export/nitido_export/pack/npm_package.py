"""Writes a model as a package for Node and browsers, with types, a program and a page."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nitido.errors import ExportError
from nitido.inference.model import Model
from nitido.inference.settings import DEFAULTS
from nitido.web.server import pages
from nitido_export.pack.ort_format import largest_difference
from nitido_export.pack.plain_inputs import with_plain_inputs
from nitido_export.pack.readme import values_of, write_readme
from nitido_export.pack.template import fill, read

SOURCES = ("nitido.d.ts", "node.js", "browser.js", "cli.js", "page.js")


def write_package(source: Model, folder: Path, frame: NDArray[np.uint8]) -> int:
    """Fills ``folder`` with the package and the model with plain inputs, compares it with ``source`` and returns the
    largest difference in 8-bit levels.

    frame: uint8 H×W×3 BGR to compare on; it is included as ``frame.bgr``, with the result of ``source`` as
    ``expected.bgr``.
    Raises ``ExportError`` when the two differ, ``OSError``.
    """
    for name in SOURCES:
        (folder / name).write_text(read(f"node/{name}"), encoding="utf-8")
    (folder / "nitido.js").write_bytes((pages() / "nitido.js").read_bytes())  # the app's pages use it, too
    target = folder / source.path.name
    worst = _write_model(source, target, frame)
    settings = [name for name in DEFAULTS if {"strength": source.has_strength, "noise": source.has_noise}[name]]
    card = {
        "name": source.card.name,
        "file": target.name,
        "summary": source.card.summary,
        "scale": source.card.scale,
        "multiple": source.card.multiple,
        "settings": settings,
        "states": [{key: state[key] for key in ("name", "channels", "grid")} for state in source.card.states],
    }
    (folder / "model.json").write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    frame.tofile(folder / "frame.bgr")
    source(frame).tofile(folder / "expected.bgr")
    size = f"--size {frame.shape[1]}x{frame.shape[0]}"
    package = re.sub(r"[^a-z0-9._-]+", "-", f"nitido-{source.card.name}".lower())
    values = {
        **values_of(source, "node cli.js", f"frame.bgr result.bgr {size}", "video.bgr result.bgr --size 640x480"),
        "package": package,
    }
    strings = {key: json.dumps(values[key], ensure_ascii=False) for key in ("summary", "licence")}
    (folder / "package.json").write_text(fill("node/package.json", {**values, **strings}), encoding="utf-8")
    (folder / "index.html").write_text(fill("node/index.html", values), encoding="utf-8")
    write_readme("node/README.md", folder, {**values, "try": f"frame.bgr result.bgr {size}"})
    return worst


def _write_model(source: Model, target: Path, frame: NDArray[np.uint8]) -> int:
    if not (source.has_strength or source.has_noise):
        shutil.copyfile(source.path, target)
        return 0
    with_plain_inputs(source.path, target)
    worst = largest_difference(source, Model(target, "cpu"), [frame])
    if worst > 1:
        raise ExportError(f"{target.name} differs from {source.path} by {worst} of 255 levels; nothing written")
    return worst
