"""The frame that the pages of the app and the explorer have around what each shows."""

from __future__ import annotations

from importlib.resources.abc import Traversable
from string import Template

from nitido.web.files import Made, Served
from nitido.web.server import pages


def framed(content: Traversable, app: str) -> Made:
    """A page.

    content: the HTML inside the frame. The page's script and style sheet are called like this file.
    app: what is behind the page, for its script: ``served`` by the app, ``static`` for an exported site, or ``alone``,
    which has no navigation.
    """
    name = content.name.removesuffix(".html")
    nav = "" if app == "alone" else _text("nav.html")
    page = Template(_text("frame.html")).substitute(
        app=app, page=name, nav=nav, content=content.read_text(encoding="utf-8")
    )
    return Made(content.name, page.encode())


def frame_files() -> dict[str, Served]:
    """Style sheets and scripts that framed pages share, by address."""
    shared: list[Traversable] = [file for file in (pages() / "frame").iterdir() if not file.name.endswith(".html")]
    return {file.name: file for file in (*shared, pages() / "base.css")}


def _text(name: str) -> str:
    return (pages() / "frame" / name).read_text(encoding="utf-8")
