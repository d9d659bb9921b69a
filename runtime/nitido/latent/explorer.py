"""The latent explorer: a page on this machine whose browser runs a decoder wherever one points in its latent space.

The browser gets the very file that the runtime opens; nothing is computed here, and nothing comes from elsewhere.
"""

from __future__ import annotations

import json
import threading
from http import HTTPStatus
from importlib.resources.abc import Traversable
from typing import cast

from nitido.errors import SinkUnavailable
from nitido.latent.autoencoder import Decoder
from nitido.web.guards import COMPUTING_POLICY, ISOLATION
from nitido.web.onnxruntime_web import BINARY, PACKAGE, SCRIPT, VERSION
from nitido.web.server import PageHandler, PageServer, pages

HOST = "127.0.0.1"


class Explorer:
    """Serves the page at ``/`` until it is left. Only this machine can reach it.

    decoder: of pictures or melodies.
    engine: the folder that ``nitido.web.onnxruntime_web`` found.
    port: 0 takes a free one; ``url`` is where the page is.

    Raises ``SinkUnavailable`` for a port that cannot be had.
    """

    def __init__(self, decoder: Decoder, engine: Traversable, port: int = 0) -> None:
        try:
            self._server = _Server(port, decoder, engine)
        except OSError as error:
            raise SinkUnavailable(
                f"cannot serve on {HOST}:{port}: {error.strerror or error}; choose another port"
            ) from error
        self.url = self._server.url
        self._thread = threading.Thread(target=self._server.serve_forever, name="explore", args=(0.1,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Explorer:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def space_facts(decoder: Decoder) -> dict[str, object]:
    """What the page must know of a decoder, as plain values."""
    space = decoder.space
    return {
        "name": space.name,
        "summary": decoder.card.summary,
        "kind": space.kind,
        "medium": space.medium,
        "size": space.size,
        "height": space.height,
        "width": space.width,
        "steps": space.steps,
        "steps_per_beat": space.steps_per_beat,
        "lowest": space.lowest,
        "pitches": space.pitches,
        "labels": list(space.labels),
        "mean": space.mean.tolist(),
        "std": space.std.tolist(),
        "normal": space.normal,
        "file": decoder.path.name,
        "bytes": decoder.path.stat().st_size,
        "engine": {"name": f"{PACKAGE} {VERSION}", "script": f"/engine/{SCRIPT}", "binary": f"/engine/{BINARY}"},
    }


class _Server(PageServer):
    def __init__(self, port: int, decoder: Decoder, engine: Traversable) -> None:
        self.facts, self.model = json.dumps(space_facts(decoder)).encode(), decoder.path.read_bytes()
        shown = pages() / "explore"
        self.files = {f"/{file.name}": file for file in shown.iterdir()}
        self.files |= {f"/engine/{name}": engine / name for name in (SCRIPT, BINARY)}
        self.files |= {"/": shown / "explore.html", "/base.css": pages() / "base.css"}
        self.files["/requests.js"] = pages() / "requests.js"
        super().__init__(HOST, port, _Handler)


class _Handler(PageHandler):
    policy = COMPUTING_POLICY
    more_headers = tuple(ISOLATION.items())

    def respond(self, path: str) -> None:
        ours = cast(_Server, self.server)
        if path == "/model.json":
            self.answer(HTTPStatus.OK, "application/json", ours.facts)
        elif path == "/decoder.onnx":
            self.answer(HTTPStatus.OK, "application/octet-stream", ours.model)
        elif path in ours.files:
            self.answer_file(ours.files[path])
        else:
            self.answer_missing()
