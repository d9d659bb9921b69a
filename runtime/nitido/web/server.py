"""The server of pages without uploads. It only answers requests for its own address.

It is based on the standard library, so a device does not need a web framework for the live picture or the latent
explorer. The app, which takes uploads, has another server. Their common checks are in :mod:`nitido.web.guards`.
"""

from __future__ import annotations

import logging
import socket
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from importlib.resources.abc import Traversable
from socketserver import TCPServer
from typing import cast

from nitido.web.files import Served
from nitido.web.guards import HEADERS, is_for_us

_log = logging.getLogger(__name__)
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".onnx": "application/octet-stream",
}


class PageServer(ThreadingHTTPServer):
    """Serves each client in a separate daemon thread.

    host: an address of this machine. port: 0 takes a free one. patience: seconds after which an inactive client is
    disconnected. Raises ``OSError`` for an address that cannot be used.
    """

    daemon_threads = True
    block_on_close = False
    allow_reuse_port = False  # a second server on the same port must fail, not share it

    def __init__(self, host: str, port: int, handler: type[PageHandler], *, patience: float = 10.0) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.patience = patience
        super().__init__((host, port), handler)

    def server_bind(self) -> None:
        # Not the direct base class, which looks up the host's name, because that can take seconds.
        TCPServer.server_bind(self)
        name, port, *_ = cast(tuple[str, int], self.server_address)
        self.server_name, self.server_port = name, port

    @property
    def url(self) -> str:
        """The address of the page."""
        shown = f"[{self.server_name}]" if ":" in self.server_name else self.server_name
        return f"http://{shown}:{self.server_port}/"


class PageHandler(BaseHTTPRequestHandler):
    """Answers one request. Subclasses define the answers in :meth:`respond`."""

    disable_nagle_algorithm = True
    policy = "default-src 'self'; frame-ancestors 'none'"
    more_headers: tuple[tuple[str, str], ...] = ()

    def respond(self, path: str) -> None:
        """Answers a path without its query by calling :meth:`answer` once."""
        raise NotImplementedError

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(cast(PageServer, self.server).patience)

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        try:
            if not self._is_for_us():
                self.answer(HTTPStatus.FORBIDDEN, "text/plain", b"this page answers to its own address only\n")
            elif path == "/favicon.ico":
                self.answer(HTTPStatus.NO_CONTENT, "image/x-icon", b"")
            else:
                self.respond(path)
        except OSError as error:  # timed out, reset, closed: not an error of the server
            _log.debug("%s has gone: %s", self.client_address, error)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        _log.debug(f"%s {format}", self.address_string(), *args)

    def answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        """The whole answer."""
        self.head(status, kind, length=len(body))
        self.wfile.write(body)

    def answer_file(self, file: Served) -> None:
        """Answers with a file, with the content type of its suffix."""
        suffix = f".{file.name.rpartition('.')[2]}"
        self.answer(HTTPStatus.OK, KINDS.get(suffix, "text/plain; charset=utf-8"), file.read_bytes())

    def answer_missing(self) -> None:
        """Nothing is there."""
        self.answer(HTTPStatus.NOT_FOUND, "text/plain", b"not here; the page is at /\n")

    def head(self, status: HTTPStatus, kind: str, *, length: int | None = None) -> None:
        """Sends the head of an answer whose body is written to ``wfile``."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Security-Policy", self.policy)
        for name, value in self.more_headers:
            self.send_header(name, value)
        self.end_headers()

    def _is_for_us(self) -> bool:
        return is_for_us(cast(PageServer, self.server).server_name, self.headers.get("Host", "localhost"))


def pages() -> Traversable:
    """The folder of pages that comes with the package."""
    return files("nitido.web") / "pages"
