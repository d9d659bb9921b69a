"""Checks picture files against a threshold, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nitido.anomaly.heatmap import draw_heatmap
from nitido.anomaly.inspector import Inspector
from nitido.anomaly.report import as_row
from nitido.batch.plan import SUFFIXES, Job, is_file_name, plan_jobs
from nitido.errors import NitidoError, SinkUnavailable, SourceUnavailable
from nitido.frames import Frame
from nitido.images.io import Picture, read_picture, write_picture
from nitido.system.search import find_files
from nitido.video import formats as video


def find_sources(inputs: Sequence[Path]) -> list[Path]:
    """The picture and video files in the inputs, each once. A missing file stays in the list and is reported with the
    others. Raises ``SourceUnavailable`` for a folder without such files."""
    return find_files(inputs, SUFFIXES)


def plan_heatmaps(inputs: Sequence[Path], output: Path) -> list[Job]:
    """The path of each file's heat map: a file or a path below a folder. Raises the same as
    :func:`nitido.batch.plan.plan_jobs`."""
    jobs = plan_jobs(inputs, output)
    if is_file_name(output):
        return jobs
    # The suffix is appended, because a.jpg and a.tif in one folder have two heat maps.
    return [Job(job.source, job.target.with_name(f"{job.target.name}.png"), job.problem) for job in jobs]


def read_source(path: Path) -> Frame:
    """The pixels of a picture file. Raises ``SourceUnavailable``, for a video too."""
    if path.suffix.lower() in video.SUFFIXES:
        raise SourceUnavailable(f"{path} is a video; for its frames: nitido anomaly live --source {path} --every-frame")
    return read_picture(path).pixels


def check_files(
    inspector: Inspector,
    sources: Sequence[Path],
    heatmaps: Mapping[Path, Job],
    *,
    anomalies_only: bool = False,
    stopping: Callable[[], bool] = lambda: False,
) -> Iterator[dict[str, Any]]:
    """Inspects files and yields a row for each, as :mod:`nitido.anomaly.report` shows it.

    heatmaps: the path of the heat map of each source. anomalies_only: do not write heat maps of good pictures.
    stopping: called before each file.

    A row has ``file`` and ``verdict`` (``ok``, ``anomaly``, ``failed``). If it failed, it also has ``error``; otherwise
    it has ``score``, ``threshold``, ``regions``, ``heatmap`` and ``size`` (rows, columns).
    """
    for source in sources:
        if stopping():
            return
        row: dict[str, Any] = {"file": str(source), "verdict": "failed"}
        try:
            picture = read_source(source)
            inspection = inspector(picture)
            row |= as_row(inspection) | {"size": picture.shape[:2]}
            job = heatmaps.get(source)
            if job is not None and (inspection.anomalous or not anomalies_only):
                if job.problem:
                    raise SinkUnavailable(job.problem)
                write_picture(job.target, Picture(draw_heatmap(picture, inspection)))
                row["heatmap"] = str(job.target)
        except NitidoError as error:
            row |= {"verdict": "failed", "error": str(error)}
        yield row
