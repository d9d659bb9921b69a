"""A map of latents as one HTML file: it can be moved and zoomed, and shows the picture under the pointer."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from nitido.errors import FrameMismatch
from nitido.latent.map import Plane
from nitido.web.frame import with_head
from nitido.web.server import pages

_COLUMNS = 32
_EACH = _COLUMNS * _COLUMNS  # thumbnails of a sheet
_QUALITY = 82  # of their JPEG
_MOST = 20  # groups that get a colour
# Okabe and Ito (2008), then others of medium brightness, visible on light and dark backgrounds.
_COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#a89a00", "#7a7a7a", "#8a5cc2", "#8c564b",
    "#2a9134", "#d62728", "#0097a8", "#b8860b", "#d45fb0", "#5f7fbf", "#6b8e23", "#c0603a", "#4f9f8f", "#9a6fb0",
)  # fmt: skip


def page_side(count: int) -> int:
    """Side of the thumbnails in pixels on a page of so many pictures."""
    return 96 if count <= 500 else 64 if count <= 2500 else 40


def map_page(
    plane: Plane,
    paths: Sequence[str],
    thumbnails: NDArray[np.uint8] | None = None,
    groups: Sequence[str] | None = None,
    about: str = "",
) -> bytes:
    """The page in UTF-8. It does not load other files.

    paths: N, shown with the pictures. thumbnails: uint8 N×s×s×3 BGR. groups: N names; 2 to 20 different ones get
    colours. about: a line for the top. Raises ``FrameMismatch`` for lengths that do not match.
    """
    for given, what in ((paths, "paths"), (thumbnails, "thumbnails"), (groups, "groups")):
        if given is not None and len(given) != len(plane.points):
            raise FrameMismatch(f"expected {len(plane.points)} {what}, found {len(given)}")
    names = sorted(set(groups)) if groups is not None else []
    if not 2 <= len(names) <= _MOST:
        names = []
    number_of = {name: number for number, name in enumerate(names)}
    data = {
        "points": base64.b64encode(np.ascontiguousarray(plane.points, "<f4").tobytes()).decode(),
        "titles": list(plane.titles),
        "paths": list(paths),
        "names": names,
        "colours": list(_COLOURS[: len(names)]),
        "groups": [number_of.get(group, 0) for group in groups] if groups is not None else [0] * len(paths),
        "order": np.random.default_rng(0).permutation(len(paths)).tolist(),
        "side": 0 if thumbnails is None else int(thumbnails.shape[1]),
        "columns": _COLUMNS,
        "each": _EACH,
        "sheets": [] if thumbnails is None else [_sheet(part) for part in _parts(thumbnails)],
        "about": about,
    }
    folder = pages()
    text = with_head((folder / "map" / "map.html").read_text("utf-8"), "Nítido map")
    style = (folder / "base.css").read_text("utf-8") + (folder / "map" / "map.css").read_text("utf-8")
    # A path could contain the end tag of the script element.
    inline = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    script = (folder / "map" / "map.js").read_text("utf-8")
    for mark, content in (("/*STYLE*/", style), ("/*SCRIPT*/", script), ("/*DATA*/", inline)):
        before, _, after = text.partition(mark)
        text = before + content + after
    return text.encode("utf-8", "replace")


def _parts(thumbnails: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    return [thumbnails[start : start + _EACH] for start in range(0, len(thumbnails), _EACH)]


def _sheet(thumbnails: NDArray[np.uint8]) -> str:
    """Thumbnails row by row as a JPEG in a data address."""
    side = thumbnails.shape[1]
    rows = math.ceil(len(thumbnails) / _COLUMNS)
    sheet = np.full((rows * _COLUMNS, side, side, 3), 255, np.uint8)
    sheet[: len(thumbnails)] = thumbnails
    whole = sheet.reshape(rows, _COLUMNS, side, side, 3).transpose(0, 2, 1, 3, 4).reshape(rows * side, -1, 3)
    _, encoded = cv2.imencode(".jpg", np.ascontiguousarray(whole), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return f"data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode()}"
