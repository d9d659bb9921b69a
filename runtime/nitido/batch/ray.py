"""Computes the pictures of a batch on a Ray cluster. This machine reads and writes files and keeps the journal.

A worker gets the content of a file and returns the content of the result, so it does not need a shared folder. If a
worker dies, its file is computed again by another one, and written once, here.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from nitido.batch.content import restore_content
from nitido.batch.engine import Findings, Settings
from nitido.batch.plan import Job
from nitido.errors import NitidoError, ProviderUnavailable, SourceUnavailable
from nitido.images.io import format_of
from nitido.inference.model import Model
from nitido.wording import count

_RETRIES = 3  # attempts for one file whose worker died; after more, the file is probably the reason
_AHEAD = 2  # files per worker, so that it does not wait for the next one


class RayEngine:
    """An engine on a Ray cluster, for a ``with`` block. Every worker is a process with the model and one CPU core, or
    one GPU when the model runs on one here.

    address: of the cluster; default that in ``RAY_ADDRESS``, else a cluster of this machine's cores for the block.
    ``Settings.workers``: how many, default the CPUs of the cluster. Raises ``ProviderUnavailable`` when Ray is not
    installed, the cluster cannot be reached, or the model cannot run there.
    """

    def __init__(self, model: Model, settings: Settings, *, address: str | None = None) -> None:
        self._model, self._settings, self._address = model, settings, address
        self._ray: Any = None
        self._ours = False
        self._content: Any = None  # kept, because a worker that restarts fetches it again
        self._workers: list[Any] = []
        self._load: list[int] = []
        self._choosing = threading.Lock()

    @property
    def place(self) -> str:
        """The place of the computation, for people."""
        return f"{count(len(self._workers), 'Ray worker')} ({self._model.device})"

    @property
    def workers(self) -> int:
        """The best number of files in progress at the same time."""
        return _AHEAD * len(self._workers)

    def processes(self) -> list[int]:
        """The process of each worker, on its own machine."""
        return [int(pid) for pid in self._ray.get([worker.process.remote() for worker in self._workers])]

    def __enter__(self) -> RayEngine:
        try:
            self._ray = import_module("ray")
        except ModuleNotFoundError as error:
            raise ProviderUnavailable("Ray is not installed; run: pip install 'nitido[ray]'") from error
        try:
            self._connect()
            self._start()
        except NitidoError:
            self.__exit__(None, None, None)
            raise
        except Exception as error:  # Ray raises ConnectionError, RuntimeError, RayError, …
            self.__exit__(None, None, None)
            where = self._address or os.environ.get("RAY_ADDRESS") or "on this machine"
            said = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            raise ProviderUnavailable(
                f"no Ray cluster {where}: {said}; is it running the same Ray and Python?"
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            self._ray.kill(worker)
        self._workers = []
        if self._ours:
            self._ray.shutdown()
            self._ours = False

    @contextmanager
    def __call__(self, job: Job) -> Iterator[Callable[[BinaryIO], Findings]]:
        kind = format_of(job.target)
        try:
            content = job.source.read_bytes()
        except OSError as error:
            raise SourceUnavailable(f"{job.source} cannot be read: {error.strerror or error}") from error
        result, findings = self._computed(content, str(job.source), kind)

        def write(stream: BinaryIO) -> Findings:
            stream.write(result)
            return findings

        yield write

    def _computed(self, content: bytes, name: str, kind: str) -> tuple[bytes, Findings]:
        with self._choosing:
            index = min(range(len(self._load)), key=self._load.__getitem__)
            self._load[index] += 1
        try:
            result, findings, reason = self._ray.get(self._workers[index].restore.remote(content, name, kind))
        except self._ray.exceptions.RayError as error:
            said = str(error).strip().splitlines()[0]
            raise NitidoError(
                f"{name}: its Ray worker died {_RETRIES + 1} times or cannot be reached ({said})"
            ) from error
        finally:
            with self._choosing:
                self._load[index] -= 1
        if reason:
            raise NitidoError(reason)
        return result, findings

    def _connect(self) -> None:
        ray = self._ray
        if ray.is_initialized():
            return
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        options: dict[str, Any] = {"address": self._address} if self._address else {}
        if not self._address and not os.environ.get("RAY_ADDRESS"):
            options = {"include_dashboard": False}
        ray.init(log_to_driver=False, logging_level="error", **options)
        self._ours = True

    def _start(self) -> None:
        ray, gpu = self._ray, self._model.device != "cpu"
        resources = ray.cluster_resources()
        there = int(resources.get("GPU" if gpu else "CPU", 0))
        if there < 1:
            raise ProviderUnavailable(f"the Ray cluster has no {'GPU' if gpu else 'CPU'}")
        self._content = ray.put(self._model.path.read_bytes())
        remote = ray.remote(
            num_cpus=0 if gpu else 1, num_gpus=1 if gpu else 0, max_restarts=-1, max_task_retries=_RETRIES
        )(RayWorker)
        # Things that a worker does not need or must not do again.
        settings = replace(self._settings, workers=None, overwrite=False)
        count = min(self._settings.workers or there, there)
        self._workers = [remote.remote(self._content, self._model.device, settings) for _ in range(count)]
        self._load = [0] * count
        self.processes()  # so that a model that cannot run there is reported now


class RayWorker:
    """The code of a worker: opens the model and processes pictures from content to content."""

    def __init__(self, model: bytes, device: str, settings: Settings) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            path.write_bytes(model)
            self._model = Model(path, device, threads=1, spinning=False)
        self._settings = settings

    def process(self) -> int:
        """Its process id."""
        return os.getpid()

    def restore(self, content: bytes, name: str, kind: str) -> tuple[bytes, Findings, str]:
        """(content of the result, facts about it, the reason of a failure). Errors are returned as text without
        traceback."""
        try:
            return *restore_content(self._model, content, name, kind, self._settings), ""
        except NitidoError as error:
            return b"", Findings(), str(error)
        except Exception as error:  # an unexpected error of one file must not end the others
            return b"", Findings(), f"{name}: unexpected {type(error).__name__}: {error}".splitlines()[0]
