"""Pages of reports: templates, filled with pictures and tables. A page needs no other file and no network."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import cv2
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from nitido.frames import Frame
from nitido.web.server import pages
from nitido_train.charts.figures import Figure, Table

# approximate size in pixels to which small pictures are enlarged by whole factors: in a row of their own, or not
WIDE, HALF = 900, 480
ENLARGED = 4  # times, at most
LARGE = 900  # pixels of a chart that has a row of its own


@dataclass(frozen=True)
class Image:
    """A picture as a page shows it.

    source: the picture as a data URL.
    kinds: CSS classes of the figure.
    enlarged: whether pixels are shown larger than they are.
    """

    name: str
    source: str
    alt: str
    caption: str
    width: int
    height: int
    kinds: str
    enlarged: bool


@dataclass(frozen=True)
class Cell:
    """A cell of a table. kind: its CSS class, or nothing for a plain number."""

    text: str
    kind: str = ""


def render_page(template: str, **values: object) -> bytes:
    """A page from a template of this package. Everything in ``values`` is escaped."""
    return _environment().get_template(f"{template}.html.j2").render(values).encode()


def images(shown: Mapping[str, Figure]) -> list[Image]:
    """Figures by name, as pages show them."""
    return [_image(name, figure) for name, figure in shown.items()]


def cells(table: Table, *, text: Iterable[int] = (0,), gain: int | None = None) -> list[list[Cell]]:
    """A table's cells; the first row is the heading.

    text: columns without numbers.
    gain: a column of ratios. Those above one are highlighted.
    """
    text = set(text)

    def cell(row: int, column: int, value: str) -> Cell:
        if column in text:
            return Cell(value, "text")
        gained = row and column == gain and value and (value == "∞" or float(value) > 1)
        return Cell(value, "better" if gained else "")

    return [[cell(row, column, value) for column, value in enumerate(values)] for row, values in enumerate(table)]


def png(frame: Frame) -> bytes:
    """The frame as a PNG file."""
    return cv2.imencode(".png", frame)[1].tobytes()


def _image(name: str, figure: Figure) -> Image:
    height, width = figure.picture.shape[:2]
    wide = width > (LARGE if figure.chart else 1.5 * height)
    if figure.chart:  # drawn with more pixels than shown, for screens of high resolution
        factor = 2 / 3 if wide else 1 / 2
    else:
        factor = max(1, min(ENLARGED, round((WIDE if wide else HALF) / width)))
    return Image(
        name,
        source=f"data:image/png;base64,{base64.b64encode(png(figure.picture)).decode()}",
        alt=figure.caption or name.replace("_", " "),
        caption=figure.caption,
        width=round(width * factor),
        height=round(height * factor),
        kinds=" ".join(kind for kind, so in (("chart", figure.chart), ("wide", wide)) if so),
        enlarged=factor > 1,
    )


@cache
def _environment() -> Environment:
    templates = files("nitido_train.reports") / "templates"
    environment = Environment(
        loader=FunctionLoader(lambda name: (templates / name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    sheets = (pages() / "base.css", files("nitido_train.reports") / "report.css")
    environment.globals["style"] = Markup("".join(sheet.read_text(encoding="utf-8") for sheet in sheets))
    return environment
