"""The end of systemd's notification socket that systemd holds."""

from __future__ import annotations

import secrets
import socket


class Listener:
    """Bound for the block; ``address`` is what NOTIFY_SOCKET says: an abstract socket, which needs no file."""

    def __init__(self) -> None:
        self.address = f"@nitido-{secrets.token_hex(8)}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + self.address[1:])

    def next(self, seconds: float = 0.0) -> str:
        """The next message, waited for; empty when none came."""
        self._socket.settimeout(seconds or None)
        if not seconds:
            self._socket.setblocking(False)
        try:
            return self._socket.recv(4096).decode()
        except (BlockingIOError, TimeoutError):
            return ""

    def rest(self) -> list[str]:
        """All messages that are there."""
        return list(iter(self.next, ""))

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
