"""Files that arrive while one watches."""

from __future__ import annotations

import os
from pathlib import Path

from nitido.batch.plan import plan_jobs
from nitido.batch.watch import Arrivals


def test_an_arriving_file_is_taken_once_it_stops_growing(tmp_path: Path) -> None:
    arrivals = Arrivals(lambda: plan_jobs([tmp_path], tmp_path / "out"))
    assert arrivals.ready() == []  # an empty folder is no error while one waits
    path = tmp_path / "a.png"
    path.write_bytes(b"half")
    assert arrivals.ready() == []
    path.write_bytes(b"half and more")
    assert arrivals.ready() == []
    assert [job.source for job in arrivals.ready()] == [path]
    assert arrivals.ready() == []
    path.write_bytes(b"something new")
    os.utime(path, ns=(1, 1))
    assert arrivals.ready() == []
    assert [job.source for job in arrivals.ready()] == [path]
