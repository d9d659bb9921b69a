"""Parts that several pages share: the frame of the app and the explorer, their fields, and the head of every page."""

from __future__ import annotations

from importlib.resources.abc import Traversable
from string import Template

from nitido.web.files import Made, Served
from nitido.web.server import pages


def framed(content: Traversable, app: str) -> Made:
    """A page.

    content: the HTML inside the frame, with ``$strength_and_noise`` for these fields. The page's script and style sheet
    have the same name.
    app: the kind of server, for the page's script: ``served`` by the app, ``static`` for an exported site, or ``alone``
    for a page without navigation.
    """
    name = content.name.removesuffix(".html")
    nav = "" if app == "alone" else _text("nav.html")
    inside = Template(content.read_text(encoding="utf-8")).substitute(
        strength_and_noise=_text("strength-and-noise.html")
    )
    page = Template(_text("frame.html")).substitute(app=app, page=name, nav=nav, head=_head("Nítido"), content=inside)
    return Made(content.name, page.encode())


def with_head(page: str, title: str) -> str:
    """The HTML of a page without a frame, in which the common head replaces the mark ``<!--HEAD-->``."""
    return page.replace("<!--HEAD-->\n", _head(title), 1)


def frame_files() -> dict[str, Served]:
    """Style sheets and scripts that framed pages share, by address."""
    shared: list[Traversable] = [file for file in (pages() / "frame").iterdir() if not file.name.endswith(".html")]
    return {file.name: file for file in (*shared, pages() / "base.css")}


def _head(title: str) -> str:
    return Template(_text("head.html")).substitute(title=title)


def _text(name: str) -> str:
    return (pages() / "frame" / name).read_text(encoding="utf-8")
