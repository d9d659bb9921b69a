"""Collections of small pictures of one size with their labels: digit files, emoji fonts, folders of pictures."""

from __future__ import annotations

import gzip
import io
import logging
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from nitido.errors import RecipeError, SourceUnavailable
from nitido.frames import Frame
from nitido.images.fit import fit_picture
from nitido_train.data.pictures import find_pictures, read_frame

log = logging.getLogger(__name__)

Bytes = NDArray[np.uint8]
CACHE = 2 << 30  # bytes of prepared pictures kept in memory; others are decoded again when needed
_IDX_SUFFIX = "-images-idx3-ubyte"


ROOM = 1.5  # files from which random parts are taken are kept this much larger than a training picture
GREY = 3  # levels by which the channels of a grey picture may differ, because JPEG adds a little colour


@dataclass(frozen=True)
class Shape:
    """The size of all pictures.

    channels: 1 (luma) or 3 (BGR). 0 means 1 if all pictures are grey, else 3; :func:`read_examples` decides.
    """

    height: int
    width: int
    channels: int


class Examples:
    """Pictures by number.

    labels: int64, one for each picture, indices into ``names``.
    skipped: number of files that could not be read.
    """

    def __init__(self, pictures: Bytes | Sequence[Path], labels: NDArray[np.int64], names: list[str], shape: Shape):
        """pictures: N×H×W×C, or files, which are decoded when they are first needed."""
        self.labels, self.names, self.skipped = labels, names, 0
        self.shape = shape
        self._pictures = pictures
        self._cache: dict[int, Bytes] = {}
        self._larger: dict[int, Frame] = {}
        self._room = CACHE

    def __len__(self) -> int:
        return len(self.labels)

    def pictures(self, numbers: Sequence[int] | NDArray[np.int64]) -> Bytes:
        """uint8 n×H×W×C; three channels are BGR. Raises ``SourceUnavailable`` for a file that has become unreadable
        since the training began."""
        if isinstance(self._pictures, np.ndarray):
            return self._pictures[np.asarray(numbers)]
        return np.stack([self._picture(int(number)) for number in numbers])

    def parts(self, numbers: Sequence[int] | NDArray[np.int64], crop: float, rng: np.random.Generator) -> Bytes:
        """A random part of each picture, uint8 n×H×W×C, in the common proportions. Its sides are shorter than those of
        the largest such part by up to ``crop`` (0..1). Raises the same as :meth:`pictures`."""
        sources = self.pictures(numbers) if isinstance(self._pictures, np.ndarray) else map(self._large, numbers)
        return np.stack([_random_part(np.asarray(source), self.shape, crop, rng) for source in sources])

    @property
    def files(self) -> list[Path]:
        """The picture files, where each example is one."""
        return [] if isinstance(self._pictures, np.ndarray) else list(self._pictures)

    def where(self, chosen: NDArray[np.bool_]) -> Examples:
        """The examples for which ``chosen`` is true."""
        kept = np.flatnonzero(chosen)
        if isinstance(self._pictures, np.ndarray):
            pictures: Bytes | list[Path] = self._pictures[kept]
        else:
            pictures = [self._pictures[int(i)] for i in kept]
        part = Examples(pictures, self.labels[kept], self.names, self.shape)
        part.skipped = self.skipped
        return part

    def _picture(self, number: int) -> Bytes:
        known = self._cache.get(number)
        if known is not None:
            return known
        fitted = fit_to_shape(self._decoded(number), self.shape)
        self._room -= fitted.nbytes
        if self._room >= 0:
            self._cache[number] = fitted
        return fitted

    def _large(self, number: int) -> Frame:
        """A whole picture, a little larger than needed, so that parts can be cut from it."""
        known = self._larger.get(int(number))
        if known is not None:
            return known
        picture = self._decoded(int(number))
        scale = ROOM * max(self.shape.height / picture.shape[0], self.shape.width / picture.shape[1])
        if scale < 1:
            size = round(scale * picture.shape[1]), round(scale * picture.shape[0])
            picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        self._room -= picture.nbytes
        if self._room >= 0:
            self._larger[int(number)] = picture
        return picture

    def _decoded(self, number: int) -> Frame:
        path = self._pictures[number]
        assert isinstance(path, Path)
        picture = read_frame(path)
        if picture is None:
            raise SourceUnavailable(f"{path} was readable when the training began and no longer is")
        return picture


def read_examples(sources: Sequence[Path], shape: Shape) -> Examples:
    """All examples of the sources, in a fixed order. Their ``shape`` has the channels that were requested or found.
    Raises ``SourceUnavailable``.

    A source is one of these:

    - a folder with MNIST's IDX files ``train-images-idx3-ubyte`` and its labels, gzipped or not (those of the test set
      are ignored), or such a file itself;
    - a colour font of bitmaps (``.ttf``);
    - a folder of pictures. Their labels are the names of the folders directly in it. Unreadable pictures are left out
      and counted.
    """
    parts = [_read(source, shape) for source in sources]
    if len(parts) == 1:
        return parts[0]
    if len({part.shape for part in parts}) > 1:  # grey ones and others
        parts = [_read(source, replace(shape, channels=3)) for source in sources]
    shape = parts[0].shape
    names = sorted({name for part in parts for name in part.names})
    labels = [np.array([names.index(part.names[i]) for i in part.labels], np.int64) for part in parts]
    if all(isinstance(part._pictures, np.ndarray) for part in parts):
        pictures: Bytes | list[Path] = np.concatenate([np.asarray(part._pictures) for part in parts])
    elif not any(isinstance(part._pictures, np.ndarray) for part in parts):
        pictures = [path for part in parts for path in part._pictures if isinstance(path, Path)]
    else:
        pictures = np.concatenate([part.pictures(range(len(part))) for part in parts])
    merged = Examples(pictures, np.concatenate(labels), names, shape)
    merged.skipped = sum(part.skipped for part in parts)
    return merged


def fit_to_shape(picture: Frame, shape: Shape) -> Bytes:
    """The frame as uint8 H×W×C of that shape, cropped and resized as the runtime does it."""
    return _in_channels(fit_picture(picture, shape.height, shape.width), shape.channels)


def _in_channels(picture: Bytes, channels: int) -> Bytes:
    """H×W×1 or H×W×3 as H×W×``channels``."""
    if channels == 1 and picture.shape[2] == 3:
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
    return picture.reshape(*picture.shape[:2], channels)


def _random_part(picture: Bytes, shape: Shape, crop: float, rng: np.random.Generator) -> Bytes:
    tall, wide = picture.shape[:2]
    share = (1 - crop * rng.random()) / max(shape.height / tall, shape.width / wide)
    rows, columns = (max(1, round(share * side)) for side in (shape.height, shape.width))
    top, left = (int(rng.integers(max(1, side - part + 1))) for side, part in ((tall, rows), (wide, columns)))
    part = np.ascontiguousarray(picture[top : top + rows, left : left + columns])
    way = cv2.INTER_AREA if rows > shape.height else cv2.INTER_CUBIC
    resized = np.asarray(cv2.resize(part, (shape.width, shape.height), interpolation=way), np.uint8)
    return _in_channels(resized.reshape(shape.height, shape.width, -1), shape.channels)


def _read(source: Path, shape: Shape) -> Examples:
    if source.suffix.lower() in (".ttf", ".otf"):
        return _read_font(source, shape)
    if _IDX_SUFFIX in source.name:
        return _read_idx(source, shape)
    digits = sorted(source.glob(f"train{_IDX_SUFFIX}*")) if source.is_dir() else []
    if digits:
        return _read_idx(digits[0], shape)
    return _read_folder(source, shape)


def _read_idx(path: Path, shape: Shape) -> Examples:
    """MNIST's format: big-endian sizes, then bytes (LeCun, Cortes, Burges)."""
    raw = _idx_array(path, 0x803)
    labels = _idx_array(path.with_name(path.name.replace(_IDX_SUFFIX, "-labels-idx1-ubyte")), 0x801).astype(np.int64)
    if len(raw) != len(labels):
        raise SourceUnavailable(f"{path} has {len(raw)} pictures, but its label file has {len(labels)} labels")
    shape = replace(shape, channels=shape.channels or 1)
    if raw.shape[1:] == (shape.height, shape.width) and shape.channels == 1:
        pictures = raw[..., None]
    else:
        coloured = (np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR), np.uint8) for picture in raw)
        pictures = np.stack([fit_to_shape(picture, shape) for picture in coloured])
    return Examples(pictures, labels, [str(i) for i in range(int(labels.max()) + 1)], shape)


def _idx_array(path: Path, magic: int) -> Bytes:
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix == ".gz" else data
        dimensions = data[3]
        found, *sizes = struct.unpack_from(f">{1 + dimensions}I", data)
        if found != magic:
            raise ValueError(f"its first number is {found:#x}, expected {magic:#x}")
        return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(sizes)
    except (OSError, EOFError, ValueError, IndexError, struct.error, zlib.error) as error:
        raise SourceUnavailable(f"{path} is not a readable IDX file: {error}") from error


def _read_font(path: Path, shape: Shape) -> Examples:
    """The bitmaps of a CBDT colour font on white, without duplicates."""
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with path.open("rb") as file, TTFont(file, lazy=True) as font:
            strikes = font["CBDT"].strikeData
            unique = {bitmap.imageData: None for strike in strikes for _, bitmap in sorted(strike.items())}
    except (OSError, TTLibError, KeyError) as error:
        raise SourceUnavailable(
            f"{path} is not a font of colour bitmaps (table CBDT), such as Noto Color Emoji: {error}"
        ) from error
    shape = replace(shape, channels=shape.channels or 3)
    pictures = [fit_to_shape(_on_white(data), shape) for data in unique]
    return Examples(np.stack(pictures), np.zeros(len(pictures), np.int64), [""], shape)


def _on_white(png: bytes) -> Frame:
    """A bitmap with alpha as a square frame."""
    from PIL import Image

    glyph = Image.open(io.BytesIO(png)).convert("RGBA")
    side = max(glyph.size)
    page = Image.new("RGBA", (side, side), "white")
    page.alpha_composite(glyph, ((side - glyph.width) // 2, (side - glyph.height) // 2))
    return np.ascontiguousarray(np.asarray(page.convert("RGB"))[..., ::-1])


def _read_folder(folder: Path, shape: Shape) -> Examples:
    paths, names_of = [], []
    skipped, grey = 0, not shape.channels
    for path in find_pictures([folder]):
        # Decoded once now, so that a broken file is found before the training starts.
        picture = read_frame(path)
        if picture is None:
            skipped += 1
            log.warning("left out %s: unreadable", path)
            continue
        grey = grey and _is_grey(picture, shape)
        inside = path.relative_to(folder) if folder.is_dir() else Path(path.name)
        paths.append(path)
        names_of.append(inside.parts[0] if len(inside.parts) > 1 else "")
    if not paths:
        raise SourceUnavailable(f"none of the {skipped} pictures in {folder} can be read")
    names = sorted(set(names_of))
    labels = np.array([names.index(name) for name in names_of], np.int64)
    shape = replace(shape, channels=shape.channels or (1 if grey else 3))
    examples = Examples(paths, labels, names, shape)
    examples.skipped = skipped
    return examples


def _is_grey(picture: Frame, shape: Shape) -> bool:
    """Whether a picture has no colour at the size that the network gets."""
    fitted = fit_picture(picture, shape.height, shape.width).astype(np.int16)
    return bool(np.ptp(fitted, axis=2).max() <= GREY)


def hold_out(examples: Examples, most: int = 2000) -> tuple[Examples, Examples]:
    """(for training, for validation). A tenth of the examples, evenly spaced and at most ``most``, is for
    validation."""
    if len(examples) < 2:
        raise RecipeError(f"found {len(examples)} example; a training needs at least two")
    stride = max(2, min(10, len(examples)), len(examples) // most)
    apart = np.arange(len(examples)) % stride == stride - 1
    return examples.where(~apart), examples.where(apart)
