"""Finds files as they arrive in a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from nitido.batch.journal import FileVersion, version_of
from nitido.batch.plan import Job
from nitido.errors import SourceUnavailable


class Arrivals:
    """Finds jobs that are ready. Their sources are new or changed, and had the same size and time in two polls, so
    files that are still being copied are not taken."""

    def __init__(self, plan: Callable[[], Sequence[Job]]) -> None:
        """plan: lists all current jobs."""
        self._plan = plan
        self._seen: dict[Path, FileVersion] = {}
        self._taken: dict[Path, FileVersion] = {}

    def ready(self) -> list[Job]:
        """Jobs that are ready; each is returned once, and again after its source has changed."""
        try:
            jobs = self._plan()
        except SourceUnavailable:  # an empty folder, which is normal while watching
            return []
        found: list[Job] = []
        now: dict[Path, FileVersion] = {}
        for job in jobs:
            version = version_of(job.source) or (FileVersion(0, 0) if job.problem else None)
            if version is None or self._taken.get(job.source) == version:
                continue
            now[job.source] = version
            if self._seen.get(job.source) == version:
                self._taken[job.source] = version
                found.append(job)
        self._seen = now
        return found
