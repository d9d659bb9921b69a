"""A web server on this machine that hands out one file."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def served(path: Path, *, ranges: bool) -> Iterator[str]:
    """The URL of a file for the block. ranges: parts of it can be asked for, as FFmpeg does to seek."""
    data = path.read_bytes()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            begin = 0
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")) if ranges else None
            if asked:
                begin = int(asked[1])
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
            else:
                self.send_response(200)
            self.send_header("Accept-Ranges", "bytes" if ranges else "none")
            self.send_header("Content-Length", str(len(data) - begin))
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(data[begin:])

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/{path.name}"
    finally:
        server.shutdown()
        server.server_close()
