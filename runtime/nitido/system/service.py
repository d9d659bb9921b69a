"""Reports to systemd about a service: ready, status, watchdog, stopping.

The protocol is a datagram of ``NAME=value`` lines to the socket that the environment names (sd_notify(3)). Without such
a socket, for example in a terminal, nothing is sent. A Python package would be another dependency for twenty lines.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

_STATUS_EVERY = 5.0  # seconds between two lines for ``systemctl status``


class Service:
    """Reports to systemd if this process is one of its services. It never raises and never waits.

    environment: with ``NOTIFY_SOCKET``, and ``WATCHDOG_USEC`` if the unit has a watchdog.
    clock: seconds that only grow.
    """

    def __init__(
        self, environment: Mapping[str, str] = os.environ, clock: Callable[[], float] = time.monotonic
    ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._clock = clock
        limit = environment.get("WATCHDOG_USEC", "")
        # Twice within the limit, as systemd recommends, because a report may be late.
        self._every = int(limit) / 2e6 if limit.isdecimal() else None
        self._ready = False
        self._alive_at = self._status_at = float("-inf")
        self._socket: socket.socket | None = None
        if self._address and hasattr(socket, "AF_UNIX"):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)

    def working(self, status: str) -> None:
        """Call when a frame was shown; the first call reports that the service is ready. status: one line for
        ``systemctl status``."""
        now = self._clock()
        if not self._ready:
            self._ready = True
            self._send("READY=1")
        if now - self._status_at >= _STATUS_EVERY:
            self._status_at = now
            self._send(f"STATUS={status}")
        self.alive()

    def alive(self) -> None:
        """Call it, as often as you like, while nothing hangs, even if there are no frames, for example because a camera
        is lost."""
        now = self._clock()
        if self._ready and self._every is not None and now - self._alive_at >= self._every:
            self._alive_at = now
            self._send("WATCHDOG=1")

    def ending(self) -> None:
        """Call when the run has ended and files are being completed."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Closes the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, line: str) -> None:
        if self._socket is not None:
            with suppress(OSError):  # systemd is gone or busy; the service continues
                self._socket.sendto(line.encode(), self._address)
