"""The latent explorer: a local page that runs a decoder in the browser for any place in its latent space.

The browser gets the same file that the runtime opens. The server computes nothing, and the page loads nothing from
other servers.
"""

from __future__ import annotations

import threading
from importlib.resources.abc import Traversable
from typing import cast

from nitido.errors import SinkUnavailable
from nitido.latent.autoencoder import Decoder
from nitido.latent.explorer_files import decoder_files, page_scripts
from nitido.web.files import Served
from nitido.web.frame import frame_files, framed
from nitido.web.guards import COMPUTING_POLICY, ISOLATION
from nitido.web.onnxruntime_web import engine_files
from nitido.web.server import PageHandler, PageServer, pages

HOST = "127.0.0.1"


class Explorer:
    """Serves the page at ``/``, as a context manager. Only this machine can reach it.

    decoder: of pictures or melodies.
    engine: the folder that ``nitido.web.onnxruntime_web`` found.
    port: 0 takes a free one; ``url`` is where the page is.

    Raises ``SinkUnavailable`` for a port that is not available.
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


class _Server(PageServer):
    def __init__(self, port: int, decoder: Decoder, engine: Traversable) -> None:
        self.files: dict[str, Served] = {
            **frame_files(),
            **page_scripts(),
            **engine_files(engine),
            **decoder_files([decoder]),
            "": framed(pages() / "explore" / "explore.html", "alone"),
        }
        super().__init__(HOST, port, _Handler)


class _Handler(PageHandler):
    policy = COMPUTING_POLICY
    more_headers = tuple(ISOLATION.items())

    def respond(self, path: str) -> None:
        file = cast(_Server, self.server).files.get(path.removeprefix("/"))
        if file is None:
            self.answer_missing()
        else:
            self.answer_file(file)
