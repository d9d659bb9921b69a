"""The pages of the app by address, with their scripts and style sheets."""

from __future__ import annotations

from nitido.latent.explorer_files import page_scripts
from nitido.web.files import Served
from nitido.web.frame import frame_files, framed
from nitido.web.server import pages

_PROGRAM_ONLY = "remote-shelf.js"


def page_files(*, static: bool = False) -> dict[str, Served]:
    """The files of the app except models, engine and facts. static: for a static site."""
    shown = pages()
    app = "static" if static else "served"
    scripts = [file for file in (shown / "app").iterdir() if not file.name.endswith(".html")]
    return {
        **frame_files(),
        **{file.name: file for file in scripts if not (static and file.name == _PROGRAM_ONLY)},
        **page_scripts(),
        "nitido.js": shown / "nitido.js",
        "index.html": framed(shown / "app" / "pictures.html", app),
        "camera.html": framed(shown / "app" / "camera.html", app),
        "latents.html": framed(shown / "explore" / "explore.html", app),
    }
