"""The server of the app: uvicorn in a thread, on an address of this machine."""

from __future__ import annotations

import secrets
import socket
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.resources.abc import Traversable
from pathlib import Path

import uvicorn

from nitido.app.camera import BrowserModel, camera_files
from nitido.app.choices import Batches
from nitido.app.gate import Gate
from nitido.app.pages import page_files
from nitido.app.queue import Queue
from nitido.app.routes import Routes
from nitido.app.shelf import Shelf
from nitido.errors import SinkUnavailable
from nitido.latent.explorer_files import DecoderFile, decoder_files
from nitido.web.files import Served
from nitido.web.onnxruntime_web import engine_files

_PATIENCE = 3  # seconds for answers in progress when the server ends
_CONNECTIONS = 64


class App:
    """Serves the app, as a context manager; ``url`` is its address, with a new random token.

    Pictures are kept in a temporary folder, which is removed at the end.

    models: for the camera page. decoders: for the page of latents. engine: the folder that
    ``nitido.web.onnxruntime_web`` found; ``None``: ``problem`` says why it is missing.
    host: an address of this machine. port: 0 takes a free one. device, threads: for pictures.

    Raises ``SinkUnavailable`` for an address that cannot be used.
    """

    def __init__(
        self,
        models: Sequence[BrowserModel],
        engine: Traversable | None,
        *,
        decoders: Sequence[DecoderFile] = (),
        problem: str = "",
        host: str = "127.0.0.1",
        port: int = 0,
        device: str = "cpu",
        threads: int | None = None,
    ) -> None:
        self._socket = _bind(host, port)
        self._resources = ExitStack()
        folder = Path(self._resources.enter_context(tempfile.TemporaryDirectory(prefix="nitido-app-")))
        shelf = Shelf(folder)
        queue = self._resources.enter_context(Queue(shelf, Batches(device, threads)))
        files: dict[str, Served] = {
            **page_files(),
            **engine_files(engine),
            **camera_files(models, problem),
            **decoder_files(decoders, problem),
        }
        token = secrets.token_urlsafe(18)
        routes = Routes(shelf, queue, files)
        self._server = uvicorn.Server(
            uvicorn.Config(
                Gate(routes.app(), host, token),
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="off",
                limit_concurrency=_CONNECTIONS,
                timeout_graceful_shutdown=_PATIENCE,
            )
        )
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._socket.getsockname()[1]}/{token}/"
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="app", daemon=True
        )

    def __enter__(self) -> App:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
        self._resources.close()


def _bind(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises ``SinkUnavailable``."""
    opened = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        opened.bind((host, port))
        opened.listen(128)  # early connections wait until the server has started
    except OSError as error:
        opened.close()
        raise SinkUnavailable(
            f"cannot serve on {host}:{port}: {error.strerror or error}; choose another address or port"
        ) from error
    return opened
