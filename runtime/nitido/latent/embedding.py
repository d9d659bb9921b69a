"""Encodes many picture files as latents, and finds similar ones."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nitido.errors import CardMismatch, FrameMismatch, NitidoError
from nitido.frames import Frame
from nitido.images.fit import fit_picture
from nitido.images.io import MAX_PIXELS, SUFFIXES, PictureFile, on_white
from nitido.latent.autoencoder import Encoder
from nitido.latent.space import Labels, LatentSpace, Vectors
from nitido.system.cpus import usable_cpus
from nitido.system.memory_budget import MemoryBudget
from nitido.system.search import EVERYTHING, Filter, require_files
from nitido.video import formats as video
from nitido.wording import count as counted

_log = logging.getLogger(__name__)

METRICS = ("euclidean", "cosine")
BATCH = 64
_MEMORY = 1 << 29  # memory budget of all decoded pictures, in bytes; a larger picture is decoded alone
# of the largest standard deviation: axes that vary less than this carry little information and are not amplified
_QUIET = 0.1


@dataclass(frozen=True)
class Embedding:
    """Latents of pictures. paths: N, of the files, relative to the folder that was read. z: float32 N×d. log_var:
    float32 N×d of a variational encoder, or ``None``. model: name of the model that they are latents of; empty if a
    table does not name it. thumbnails: uint8 N×s×s×3 BGR, if they were requested."""

    paths: list[str]
    z: Vectors
    log_var: Vectors | None = None
    model: str = ""
    thumbnails: NDArray[np.uint8] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Neighbour:
    """A picture and the distance of its latent from that of another picture."""

    path: str
    distance: float


def pictures_below(folder: Path, chosen: Filter = EVERYTHING) -> list[Path]:
    """Lists the pictures below a folder, or the one picture if it is a file.

    Args:
        folder: a folder or a picture.
        chosen: which files of folders are taken.

    Raises:
        SourceUnavailable: a folder without pictures and videos.
    """
    if not folder.is_dir():
        return [] if folder.suffix.lower() in video.SUFFIXES else [folder]
    found = require_files(folder, SUFFIXES | video.SUFFIXES, chosen)
    return [folder / path for path in found if path.suffix.lower() in SUFFIXES]


def embed_files(
    encoder: Encoder,
    paths: Sequence[Path],
    *,
    below: Path | None = None,
    label: Labels = None,
    thumbnail: int = 0,
    batch: int = BATCH,
    max_pixels: int = MAX_PIXELS,
    progress: Callable[[int], None] = lambda _files: None,
    finished: Callable[[Path, str], None] = lambda _path, _reason: None,
    encoded: Callable[[Frame, Vectors], None] = lambda _frames, _means: None,
) -> tuple[Embedding, list[tuple[Path, str]]]:
    """Encodes picture files.

    Args:
        encoder: of pictures.
        paths: the files, in the order of the result.
        below: folder that the paths of the result are relative to. Default: paths as given.
        label: for a ``cvae``, the class of all.
        thumbnail: side in pixels of small copies to keep; 0 keeps none.
        batch: files that go through the network together.
        max_pixels: largest number of pixels of a picture.
        progress: called with the number of files done.
        finished: called with each file and the reason why it failed; the reason is empty if it did not.
        encoded: called with pictures, uint8 N×H×W×3 of the network's size, and their latents.

    Returns:
        The latents, and (file, reason) for each file that could not be read.

    Raises:
        FrameMismatch: a wrong class, or an encoder of melodies.
    """
    space = encoder.space
    if space.medium != "picture":
        raise FrameMismatch(f"{space.name} takes melodies, expected a model for pictures")
    space.label_numbers(label, 1)
    budget = MemoryBudget(_MEMORY)

    def read(path: Path) -> tuple[Frame, Frame | None]:
        with PictureFile(path, max_pixels=max_pixels) as file, budget.reserve(_bytes_of(file)):
            picture = on_white(file.decode())
            return encoder.fit(picture), fit_picture(picture, thumbnail, thumbnail) if thumbnail else None

    kept: list[str] = []
    failed: list[tuple[Path, str]] = []
    means: list[Vectors] = [np.empty((0, space.size), np.float32)]
    variances: list[Vectors] = []
    small: list[Frame] = []
    pool = ThreadPoolExecutor(usable_cpus(), "nitido")
    try:
        for part in _one_batch_ahead(pool, read, paths, batch):
            fitted: list[Frame] = []
            for path, future in part:
                try:
                    frame, miniature = future.result()
                except Exception as error:  # an unexpected error of one file must not end the others
                    failed.append((path, _reason(path, error)))
                    finished(*failed[-1])
                    continue
                finished(path, "")
                fitted.append(frame)
                kept.append((path.relative_to(below) if below else path).as_posix())
                if miniature is not None:
                    small.append(miniature)
            if fitted:
                frames = np.stack(fitted)
                latents = encoder(frames, label)
                encoded(frames, latents.mean)
                means.append(latents.mean)
                if latents.log_var is not None:
                    variances.append(latents.log_var)
            progress(len(part))
    finally:
        pool.shutdown(cancel_futures=True)
    return (
        Embedding(
            paths=kept,
            z=np.concatenate(means),
            log_var=np.concatenate(variances) if variances else None,
            model=space.name,
            thumbnails=np.stack(small) if small else None,
        ),
        failed,
    )


def nearest(
    embedding: Embedding, query: Vectors, space: LatentSpace, count: int = 8, metric: str = "euclidean"
) -> list[Neighbour]:
    """Finds the pictures whose latents are nearest to a query, nearest first.

    Axes are first scaled to mean 0 and standard deviation 1 over the training set. An axis that hardly varies counts as
    if it had a tenth of the largest standard deviation.

    Args:
        embedding: latents of pictures.
        query: float32, d or 1×d.
        space: of the encoder.
        count: how many pictures.
        metric: ``euclidean``, or ``cosine`` for 1 - cosine, 0 to 2.

    Raises:
        FrameMismatch: another metric.
        CardMismatch: the latents are of another model.
    """
    if metric not in METRICS:
        raise FrameMismatch(f"expected the metric {' or '.join(METRICS)}, found '{metric}'")
    if embedding.model not in ("", space.name) or embedding.z.shape[1] != space.size:
        numbers = counted(embedding.z.shape[1], "number")
        raise CardMismatch(
            f"expected latents of {counted(space.size, 'number')} by {space.name}, found {numbers} by "
            f"{embedding.model or 'a model that the table does not name'}; embed again"
        )
    spread = np.maximum(space.std, max(_QUIET * float(space.std.max()), 1e-12)).astype(np.float64)
    values = (embedding.z - space.mean) / spread
    wanted = (np.asarray(query, np.float64).reshape(-1) - space.mean) / spread
    if metric == "euclidean":
        distances = np.linalg.norm(values - wanted, axis=1)
    else:
        lengths = np.linalg.norm(values, axis=1) * np.linalg.norm(wanted)
        distances = 1 - values @ wanted / np.maximum(lengths, 1e-12)
    order = np.argsort(distances, kind="stable")[:count]
    return [Neighbour(embedding.paths[i], float(distances[i])) for i in order]


def _one_batch_ahead(
    pool: ThreadPoolExecutor,
    read: Callable[[Path], tuple[Frame, Frame | None]],
    paths: Sequence[Path],
    batch: int,
) -> Iterator[list[tuple[Path, Future[tuple[Frame, Frame | None]]]]]:
    """Reads files in batches; the next batch is read while one is in use."""
    ahead: list[tuple[Path, Future[tuple[Frame, Frame | None]]]] = []
    for start in range(0, len(paths), batch):
        coming = [(path, pool.submit(read, path)) for path in paths[start : start + batch]]
        if ahead:
            yield ahead
        ahead = coming
    if ahead:
        yield ahead


def _reason(path: Path, error: Exception) -> str:
    if isinstance(error, NitidoError):
        return str(error)
    _log.debug("unexpected", exc_info=error)
    return f"{path}: unexpected {type(error).__name__}: {error}".splitlines()[0]


def _bytes_of(file: PictureFile) -> int:
    """The memory of a picture until it has the size for the network: Pillow's copy (4 bytes per pixel), ours (3, and 6
    more with 16 bits), and the crop."""
    return (10 + 6 * file.deep) * file.width * file.height
