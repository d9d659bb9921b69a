"""The parts that pages of reports are put together from: text in, HTML out, pictures inside."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files

import cv2

from nitido.frames import Frame
from nitido.web.server import pages
from nitido_train.charts.figures import Figure, Table

WIDE, HALF = 900, 480  # pixels that small pictures are enlarged to, about, by whole steps: in a row of their own or not
ENLARGED = 4  # times, at most
LARGE = 900  # pixels of a chart that has a row of its own


def document(title: str, body: Iterable[str]) -> bytes:
    """A page that needs no other file and asks nobody for anything."""
    style = "".join(
        file.read_text(encoding="utf-8")
        for file in (pages() / "base.css", files("nitido_train.reports") / "report.css")
    )
    parts = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{escape(title)}</title>",
        f"<style>\n{style}</style>\n</head>\n<body>\n<main>",
        *body,
        "</main>\n</body>\n</html>\n",
    )
    return "\n".join(parts).encode()


def heading(title: str, *lines: str) -> str:
    return f"<header><h1>{escape(title)}</h1>{''.join(f'<p>{escape(line)}</p>' for line in lines if line)}</header>"


def section(title: str, *parts: str) -> str:
    """Nothing when it has no parts."""
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>" if any(parts) else ""


def note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'


def tiles(values: Mapping[str, str]) -> str:
    """Figures to be seen first, by what they are."""
    each = [f"<b>{escape(value)}</b><span>{escape(name)}</span>" for name, value in values.items()]
    return '<div class="tiles">' + "".join(f'<div class="tile">{tile}</div>' for tile in each) + "</div>"


def figures(shown: Mapping[str, Figure]) -> str:
    """Charts side by side where there is room, everything else one below the other."""
    if not shown:
        return ""
    return f'<div class="figures">{"".join(_figure(name, figure) for name, figure in shown.items())}</div>'


def number_table(table: Table, *, text: Iterable[int] = (0,), gain: int | None = None) -> str:
    """text: columns that hold no numbers. gain: a column of ratios; those above one are set off."""
    text = set(text)

    def cell(tag: str, column: int, value: str) -> str:
        gained = column == gain and tag == "td" and value and (value == "∞" or float(value) > 1)
        kind = ' class="text"' if column in text else ' class="better"' if gained else ""
        return f"<{tag}{kind}>{escape(value)}</{tag}>"

    rows = [
        "".join(cell("td" if i else "th", column, value) for column, value in enumerate(cells))
        for i, cells in enumerate(table)
    ]
    return '<div class="scroll"><table class="numbers"><tr>' + "</tr><tr>".join(rows) + "</tr></table></div>"


def fact_tables(groups: Mapping[str, Mapping[str, str]]) -> str:
    """Names and values in small tables, by group."""
    return f'<div class="facts">{"".join(_facts(*group) for group in groups.items() if group[1])}</div>'


def command(what: str, text: str) -> str:
    return f"<h3>{escape(what)}</h3><pre>{escape(text)}</pre>"


def png(picture: Frame) -> bytes:
    """uint8 H×W×3 BGR as a PNG file."""
    return cv2.imencode(".png", picture)[1].tobytes()


def _facts(name: str, facts: Mapping[str, str]) -> str:
    rows = "".join(f"<tr><th>{escape(key)}</th><td>{escape(value)}</td></tr>" for key, value in facts.items())
    return f'<div><h3>{escape(name)}</h3><div class="scroll"><table>{rows}</table></div></div>'


def _figure(name: str, figure: Figure) -> str:
    height, width = figure.picture.shape[:2]
    wide = width > (LARGE if figure.chart else 1.5 * height)
    if figure.chart:  # drawn with more pixels than it is shown with, for screens that have them
        factor = 2 / 3 if wide else 1 / 2
    else:
        factor = max(1, min(ENLARGED, round((WIDE if wide else HALF) / width)))
    kinds = " ".join(kind for kind, so in (("chart", figure.chart), ("wide", wide)) if so)
    sides = f'width="{round(width * factor)}" height="{round(height * factor)}"'
    look = ' class="pixels"' if factor > 1 else ""
    source = f"data:image/png;base64,{base64.b64encode(png(figure.picture)).decode()}"
    caption = escape(figure.caption)
    image = f'<img src="{source}" alt="{caption or escape(name.replace("_", " "))}" {sides}{look}>'
    below = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f'<figure class="{kinds}" id="{escape(name)}">{image}{below}</figure>'
