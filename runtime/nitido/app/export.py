"""The pages of the app as a folder that any web server can host."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources.abc import Traversable
from pathlib import Path

from nitido.app.browser_pictures import picture_files, picture_models
from nitido.app.camera import BrowserModel, camera_files
from nitido.app.pages import page_files
from nitido.latent.explorer_files import DecoderFile, decoder_files
from nitido.system.files import refuse_existing, replacing_folder
from nitido.web.files import Served
from nitido.web.onnxruntime_web import engine_files

_LICENCES = """\
# Licences

The pages and programs of this folder are part of Nítido, under the Apache License 2.0: see `LICENSE` or
https://www.apache.org/licenses/LICENSE-2.0. The models have the licences that their cards name:

{models}

`engine/` holds onnxruntime-web under the MIT licence; its text is `engine/LICENSE`.
"""


def export_site(
    folder: Path, models: Sequence[BrowserModel], decoders: Sequence[DecoderFile], engine: Traversable
) -> list[str]:
    """Writes the folder, which must not exist, and returns the names of its files.

    models: for the camera page. decoders: for the page of latents. engine: the folder that
    ``nitido.web.onnxruntime_web`` found. Everything runs in the visitor's browser. Raises
    ``SinkUnavailable``.
    """
    refuse_existing([folder], overwrite=False, choose="another folder")
    pictured, use = picture_models()
    files: dict[str, Served] = {
        **page_files(static=True),
        **engine_files(engine),
        **camera_files(models),
        **picture_files(pictured, use),
        **decoder_files(decoders),
    }
    licences = {model.path.name: model.card.licence for model in (*models, *pictured, *decoders)}
    texts = {
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


def _own_licence() -> str | None:
    """The text that was installed with the package; ``None`` in a checkout that was not installed."""
    try:
        return distribution("nitido").read_text("licenses/LICENSE")
    except PackageNotFoundError:
        return None
