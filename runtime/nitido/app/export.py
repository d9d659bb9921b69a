"""The pages of pictures and of the camera as a folder that any web server can host."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources.abc import Traversable
from pathlib import Path

from nitido.app.browser_pictures import picture_facts, picture_models
from nitido.app.camera import BrowserModel, Served, camera_facts, camera_files
from nitido.system.files import refuse_existing, replacing_folder
from nitido.web.server import pages

_NOT_EXPORTED = ("pictures.html", "camera.html", "remote-shelf.js")
_LICENCES = """\
# Licences

The pages and programs of this folder are part of Nítido, under the Apache License 2.0: see `LICENSE` or
https://www.apache.org/licenses/LICENSE-2.0. The models have the licences that their cards name:

{models}

`engine/` holds onnxruntime-web under the MIT licence; its text is `engine/LICENSE`.
"""


def export_site(folder: Path, models: Sequence[BrowserModel], engine: Traversable) -> list[str]:
    """Writes the folder, which must not be there, and returns the names of its files.

    Every part of it runs in the browser of whoever opens it. Raises ``SinkUnavailable``.
    """
    refuse_existing([folder], overwrite=False, choose="another folder")
    pictured, use = picture_models()
    shown = pages() / "app"
    files: dict[str, Served] = {file.name: file for file in shown.iterdir() if file.name not in _NOT_EXPORTED}
    files |= {name: pages() / name for name in ("base.css", "nitido.js", "requests.js")}
    files |= camera_files([*models, *pictured], engine)
    licences = {model.name: model.card.licence for model in (*models, *pictured)}
    texts = {
        "index.html": _without_program(shown / "pictures.html"),
        "camera.html": _without_program(shown / "camera.html"),
        "camera.json": _as_json(camera_facts(models)),
        "pictures.json": _as_json(picture_facts(pictured, use)),
        "LICENCES.md": _LICENCES.format(models="\n".join(f"- `{name}`: {text}" for name, text in licences.items())),
        # Netlify, Cloudflare Pages and others read it; the guide says what other servers need.
        "_headers": "/*\n  Cross-Origin-Opener-Policy: same-origin\n  Cross-Origin-Embedder-Policy: require-corp\n",
    }
    if own := _own_licence():
        texts["LICENSE"] = own
    with replacing_folder(folder, advice="choose another folder") as draft:
        for name, file in files.items():
            (draft / name).parent.mkdir(exist_ok=True)
            (draft / name).write_bytes(file.read_bytes())
        for name, text in texts.items():
            (draft / name).write_text(text, encoding="utf-8")
    return sorted([*files, *texts])


def _without_program(page: Traversable) -> str:
    return page.read_text(encoding="utf-8").replace("<html ", '<html data-app="static" ', 1)


def _own_licence() -> str | None:
    """The text that was installed with the package; ``None`` in a checkout that was not installed."""
    try:
        return distribution("nitido").read_text("licenses/LICENSE")
    except PackageNotFoundError:
        return None


def _as_json(facts: object) -> str:
    return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
