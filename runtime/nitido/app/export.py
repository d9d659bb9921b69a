"""The camera page as a folder that any web server can host."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources.abc import Traversable
from pathlib import Path

from nitido.app.camera import BrowserModel, Served, camera_facts, camera_files
from nitido.system.files import refuse_existing, replacing_folder
from nitido.web.server import pages

_PAGES = ("app.css", "camera.css", "camera.js", "camera-worker.js", "engine.js", "page.js", "texts.js", "compare.js")
_LICENCES = """\
# Licences

The pages and programs of this folder are part of Nítido, under the Apache License 2.0:
https://www.apache.org/licenses/LICENSE-2.0.

Models, as their cards say:

{models}

`engine/` holds onnxruntime-web under the MIT licence; its text is `engine/LICENSE`.
"""


def export_site(folder: Path, models: Sequence[BrowserModel], engine: Traversable) -> list[str]:
    """Writes the folder, which must not be there, and returns the names of its files.

    Every part of it runs in the browser of whoever opens it. Raises ``SinkUnavailable``.
    """
    refuse_existing([folder], overwrite=False, choose="another folder")
    shown = pages() / "app"
    files: dict[str, Served] = {name: shown / name for name in _PAGES}
    files |= {"base.css": pages() / "base.css", "nitido.js": pages() / "nitido.js"}
    files |= {"requests.js": pages() / "requests.js", **camera_files(models, engine)}
    page = (shown / "camera.html").read_text(encoding="utf-8").replace('data-app="local"', 'data-app="static"')
    rows = "\n".join(f"- `{model.name}`: {model.card.licence}" for model in models)
    texts = {
        "index.html": page,
        "camera.json": json.dumps(camera_facts(models), indent=2, ensure_ascii=False) + "\n",
        "LICENCES.md": _LICENCES.format(models=rows),
        # What Netlify, Cloudflare Pages and others read; other servers are told in the guide.
        "_headers": "/*\n  Cross-Origin-Opener-Policy: same-origin\n  Cross-Origin-Embedder-Policy: require-corp\n",
    }
    with replacing_folder(folder, advice="choose another folder") as draft:
        for name, file in files.items():
            (draft / name).parent.mkdir(exist_ok=True)
            (draft / name).write_bytes(file.read_bytes())
        for name, text in texts.items():
            (draft / name).write_text(text, encoding="utf-8")
    return sorted([*files, *texts])
