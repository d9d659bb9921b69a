"""``nitido live`` in a process of its own, and what it says meanwhile."""

from __future__ import annotations

import re
import signal
import subprocess
import threading

from support.commands import HANG, command


class Run:
    """A live run in a process of its own; what it says on stderr can be waited for."""

    def __init__(self, *arguments: object, before: str = "") -> None:
        self.process = subprocess.Popen(
            command("live", *arguments, before=before),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.said = ""
        self._lines = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._lines:
                self.said += line.decode()
                self._lines.notify_all()

    def wait_for(self, pattern: str) -> None:
        with self._lines:
            assert self._lines.wait_for(lambda: re.search(pattern, self.said), HANG), self.said

    def end(self, number: signal.Signals | None = None) -> int:
        """Sends a signal, if any, and waits; the exit code."""
        if number is not None:
            self.process.send_signal(number)
        code = self.process.wait(HANG)
        self._reader.join(HANG)
        return code

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join(HANG)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
