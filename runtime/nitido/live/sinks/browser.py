"""A small web server that shows the live picture before and after, for browsers on this machine or, on request, on
others.

Clients cannot delay the run. The run puts the newest shot on a board and continues. Each client has a thread that
fetches the newest shot when the client is ready, and a client that does not read for a while is disconnected.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
from dataclasses import asdict
from http import HTTPStatus
from typing import cast

import cv2

from nitido.errors import SinkUnavailable
from nitido.frames import Frame
from nitido.live.state import Controls, Shot, Status
from nitido.web.files import Made
from nitido.web.frame import with_head
from nitido.web.guards import is_loopback
from nitido.web.server import PageHandler, PageServer, pages

_log = logging.getLogger(__name__)
_BOUNDARY = "nitido-frame"
_SEND_BUFFER = 128 * 1024  # bytes: a larger buffer would contain old frames for a slow client
_REPEAT = 2.0  # seconds without a new frame after which the last one is sent again, to detect clients that are gone
_STREAMS_AT_ONCE = 16


class Board:
    """The newest shot, for any number of readers. Its JPEG is encoded once, when the first reader needs it."""

    def __init__(self, quality: int) -> None:
        self._quality = quality
        self._changed = threading.Condition()
        self._number = 0
        self._shot: Shot | None = None
        self._stats: dict[str, object] = {}
        self._over = False
        self._encoding = {"before": threading.Lock(), "after": threading.Lock()}
        self._encoded = {"before": (0, b""), "after": (0, b"")}

    def publish(self, shot: Shot, stats: dict[str, object]) -> None:
        """Replaces the shot by a newer one."""
        with self._changed:
            self._shot, self._stats = shot, stats
            self._number += 1
            self._changed.notify_all()

    def close(self) -> None:
        """No more shots will come."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    @property
    def over(self) -> bool:
        """No more shots will come."""
        return self._over

    @property
    def stats(self) -> dict[str, object]:
        """The newest status as plain values."""
        return self._stats

    def jpeg(self, side: str, after: int, timeout: float) -> tuple[int, bytes]:
        """Number and JPEG of the newest shot's ``before`` or ``after``, waiting up to ``timeout`` seconds for one
        newer than number ``after``; without one the last again, number 0 if there was none yet."""
        with self._changed:
            self._changed.wait_for(lambda: self._number > after or self._over, timeout)
        with self._encoding[side]:
            with self._changed:
                number, shot = self._number, self._shot
            if shot is not None and self._encoded[side][0] != number:
                frame = shot.before if side == "before" else shot.after
                ok, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, self._quality])
                self._encoded[side] = (number, data.tobytes() if ok else b"")
            return self._encoded[side]


class MjpegSink:
    """Serves a page at ``/``, the streams ``/before.mjpg`` and ``/after.mjpg``, and ``/stats.json``.

    host: an address of this machine; anything but loopback is reachable by others and is logged as a warning, since
    there is no password. port: 0 takes a free one. quality: of the JPEGs, 1..100. patience: seconds after which a
    client that does not read is disconnected. ``url`` is the address of the page. Raises ``SinkUnavailable`` for an
    address that cannot be used.
    """

    fps: float | None = None

    def __init__(self, host: str = "127.0.0.1", port: int = 8080, *, quality: int = 85, patience: float = 10.0) -> None:
        self._board = Board(quality)
        try:
            self._server = _Server(host, port, self._board, patience)
        except OSError as error:
            raise SinkUnavailable(
                f"cannot serve on {host}:{port}: {error.strerror or error}; choose another address or port"
            ) from error
        self.address: tuple[str, int] = self._server.server_address[0], self._server.server_address[1]  # type: ignore[assignment]
        self.url = self._server.url
        self._thread = threading.Thread(target=self._server.serve_forever, name="mjpeg", args=(0.1,), daemon=True)
        self._thread.start()
        _log.info("open %s in a browser", self.url)
        if not is_loopback(self.address[0]):
            _log.warning("%s is not loopback: all who can reach it see the picture, without a password", self.url)

    def write(self, frame: Frame) -> None:
        """Shows a frame H×W×3, uint8 BGR, as both before and after."""
        self._board.publish(Shot(frame, frame, 0, 0.0, 0.0, ""), {})

    def show(self, shot: Shot, status: Status, controls: Controls) -> None:
        """Shows a shot with the run's status."""
        self._board.publish(shot, {**asdict(status), "live": True})

    def idle(self, controls: Controls) -> None:
        """Does nothing, because clients are served by separate threads."""

    def __enter__(self) -> MjpegSink:
        return self

    def __exit__(self, *_: object) -> None:
        self._board.close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(PageServer):
    def __init__(self, host: str, port: int, board: Board, patience: float) -> None:
        self.board = board
        self.streams = threading.BoundedSemaphore(_STREAMS_AT_ONCE)
        super().__init__(host, port, _Handler, patience=patience)


class _Handler(PageHandler):
    policy = "default-src 'self' 'unsafe-inline'; frame-ancestors 'none'"

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)

    def respond(self, path: str) -> None:
        if path == "/":
            page = with_head((pages() / "live.html").read_text("utf-8"), "Nítido live")
            self.answer_file(Made("live.html", page.encode()))
        elif path == "/base.css":
            self.answer_file(pages() / "base.css")
        elif path == "/stats.json":
            self.answer(HTTPStatus.OK, "application/json", json.dumps(self._ours.board.stats).encode())
        elif path in ("/before.mjpg", "/after.mjpg"):
            self._stream(path[1:].removesuffix(".mjpg"))
        else:
            self.answer_missing()

    @property
    def _ours(self) -> _Server:
        return cast(_Server, self.server)

    def _stream(self, side: str) -> None:
        if not self._ours.streams.acquire(blocking=False):
            self.answer(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", b"too many viewers\n")
            return
        try:
            self.head(HTTPStatus.OK, f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
            self.wfile.write(f"--{_BOUNDARY}\r\n".encode())
            number = 0
            while True:
                number, data = self._ours.board.jpeg(side, number, _REPEAT)
                if self._ours.board.over:
                    return
                if data:
                    # The boundary follows immediately, because browsers show a picture when the next one begins.
                    head = f"Content-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n".encode()
                    self.wfile.write(head + data + f"\r\n--{_BOUNDARY}\r\n".encode())
        finally:
            self._ours.streams.release()
