"""Processes pictures one after the other, in a separate thread."""

from __future__ import annotations

import threading
from collections import deque

from nitido.app.choices import Batches, Choice
from nitido.app.shelf import Item, Shelf, target_of
from nitido.batch.plan import Job
from nitido.errors import NitidoError


class Queue:
    """Processes items in the order of their requests. A context manager: at its end, the current picture is finished.

    It uses the batch code of the command line, one job at a time.
    """

    def __init__(self, shelf: Shelf, batches: Batches) -> None:
        self._shelf, self._batches = shelf, batches
        self._waiting: deque[tuple[Item, Choice]] = deque()
        self._changed = threading.Condition()
        self._over = False
        self._thread = threading.Thread(target=self._work, name="pictures", daemon=True)

    def __enter__(self) -> Queue:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._over = True
            self._changed.notify_all()
        self._thread.join()

    def ask(self, item: Item, choice: Choice) -> bool:
        """Queues an item; returns ``False`` if it is already in the queue or in progress."""
        with self._changed:
            if item.state in ("queued", "working"):
                return False
            item.state, item.reason = "queued", ""
            self._waiting.append((item, choice))
            self._changed.notify_all()
        return True

    def stop(self) -> None:
        """Removes all items from the queue that have not started."""
        with self._changed:
            for item, _ in self._waiting:
                item.state = "done" if item.result else "waiting"
            self._waiting.clear()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._over)
                if self._over:
                    return
                item, choice = self._waiting.popleft()
                if self._shelf.find(item.id) is None:
                    continue
                item.state = "working"
            try:
                self._do(item, choice)
            except Exception as error:  # an unexpected error of one picture must not end the others
                text = str(error) if isinstance(error, NitidoError) else f"{type(error).__name__}: {error}"
                item.reason, item.state = _without_places(text, item), "failed"
            if self._shelf.find(item.id) is None:  # removed meanwhile
                self._shelf.drop(item)

    def _do(self, item: Item, choice: Choice) -> None:
        target = target_of(item, choice.kind)
        batch = self._batches.batch(choice)
        report = batch.run(batch.sort([Job(item.source, target)]))
        if not report.done:
            reason = report.stopped or report.failed[0][1]
            item.reason, item.state = _without_places(reason, item), "failed"
            return
        before = item.result
        item.notes = [_without_places(note, item) for _, note in report.notes]
        item.noise = report.levels[0][1] if report.levels else None
        item.result, item.version, item.state = target, item.version + 1, "done"
        if before is not None:
            before.unlink(missing_ok=True)


def _without_places(text: str, item: Item) -> str:
    """The message with the visitor's name of the picture instead of the names of local files."""
    line = (text.splitlines() or [""])[0]
    return line.replace(str(item.source), item.name).replace(f"{item.source.parent}/", "")
