"""Writes many small pictures as one file or folder: a contact sheet, an animation, or numbered files."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from math import ceil, sqrt
from pathlib import Path

import numpy as np
from PIL import Image

from nitido.errors import FrameMismatch, SinkUnavailable
from nitido.frames import Frame, is_frame
from nitido.images.io import MAX_PIXELS, WRITTEN, Picture, write_picture
from nitido.system.files import write_whole
from nitido.video import formats as video
from nitido.wording import count as counted

_BACKGROUND = 96  # separates dark pictures as well as light ones
_STRIP = 1600  # width in pixels beyond which a strip continues in another row
_MOVING = 256  # smallest length of an animation's shorter side, in pixels


@dataclass(frozen=True)
class Style:
    """How small pictures are shown.

    columns: of a sheet; ``None``: about as many as rows, or with ``strip`` one row that continues below if it is wider
    than a screen. gap: pixels between pictures of a sheet. zoom: every pixel becomes zoom × zoom; ``None``: 1 on sheets
    and in folders, and in an animation a zoom that gives 256 pixels. fps: frames per second of an animation.
    """

    columns: int | None = None
    strip: bool = False
    gap: int = 2
    zoom: int | None = None
    fps: float = 12.0


def check_target(path: Path, *, overwrite: bool = False) -> None:
    """Raises ``SinkUnavailable`` if :func:`write_frames` cannot write a file of that name, or if a file or a folder
    with contents would be replaced without permission."""
    suffix = path.suffix.lower()
    if path.is_dir() or not suffix:
        taken = path.is_file() or (path.is_dir() and any(path.iterdir()))
    elif suffix in WRITTEN | video.WRITTEN | {".gif"}:
        taken = path.exists()
    else:
        raise SinkUnavailable(
            f"cannot write {path}: expected a picture ({' '.join(sorted(WRITTEN))}), an animation "
            f"(.gif {' '.join(sorted(video.WRITTEN))}) or a folder"
        )
    if taken and not overwrite:
        raise SinkUnavailable(f"{path} exists; choose another name or give --overwrite")


def write_frames(path: Path, frames: Iterable[Frame], count: int, style: Style = Style()) -> None:
    """Writes ``count`` pictures of one size, uint8 H×W×3 BGR, one by one: a picture file gets a sheet, ``.gif`` or a
    video gets an animation, and a name without suffix is a folder for ``0001.png``, ….

    Existing files are replaced, see :func:`check_target`. Files are written atomically. Raises
    ``SinkUnavailable``, and ``FrameMismatch`` for another count, size or dtype.
    """
    check_target(path, overwrite=True)
    suffix, pictures = path.suffix.lower(), _checked(frames, count)
    if path.is_dir() or not suffix:
        for number, frame in enumerate(pictures, 1):
            name = f"{number:0{max(4, len(str(count)))}}.png"
            write_picture(path / name, _as_picture(enlarged(frame, style.zoom or 1)))
    elif suffix in WRITTEN:
        write_picture(path, _as_picture(contact_sheet(frames, count, style)))
    else:
        moving = (enlarged(frame, style.zoom or _zoom_for(frame)) for frame in pictures)
        if suffix == ".gif":
            write_whole(path, _gif(moving, style.fps))
        else:
            from nitido.video.writer import VideoSink

            with VideoSink(path, style.fps) as sink:
                for frame in moving:
                    sink.write(frame)


def contact_sheet(frames: Iterable[Frame], count: int, style: Style = Style()) -> Frame:
    """Places pictures of one size on a grey ground, row by row. Returns uint8 BGR.

    Args:
        frames: uint8 BGR, H×W×3.
        count: how many frames there are.
        style: columns, gaps and scale.

    Raises:
        FrameMismatch: another count, size or dtype.
        SinkUnavailable: the sheet would have more than 500 megapixels.
    """
    pictures = _checked(frames, count)
    first = next(pictures)
    zoom, gap = style.zoom or 1, style.gap
    height, width = first.shape[0] * zoom, first.shape[1] * zoom
    columns = style.columns or _columns(count, width + gap, strip=style.strip)
    columns = min(count, columns)
    rows = ceil(count / columns)
    size = (rows * (height + gap) - gap, columns * (width + gap) - gap)
    if size[0] * size[1] > MAX_PIXELS:
        raise SinkUnavailable(
            f"a sheet of {size[1]}×{size[0]} pixels is too large, expected up to {MAX_PIXELS / 1e6:.0f} megapixels; "
            "make fewer pictures or write them to a folder"
        )
    sheet = np.full((*size, 3), _BACKGROUND, np.uint8)
    for number, frame in enumerate(chain([first], pictures)):
        row, column = divmod(number, columns)
        top, left = row * (height + gap), column * (width + gap)
        sheet[top : top + height, left : left + width] = enlarged(frame, zoom)
    return sheet


def enlarged(frame: Frame, zoom: int) -> Frame:
    """uint8 H×W×3 with every pixel repeated zoom × zoom times."""
    return frame if zoom == 1 else np.repeat(np.repeat(frame, zoom, axis=0), zoom, axis=1)


def _checked(frames: Iterable[Frame], count: int) -> Iterator[Frame]:
    """The pictures; raises an error if their number or sizes are wrong."""
    shape, found = None, 0
    for frame in frames:
        shape = shape or frame.shape
        if frame.shape != shape or not is_frame(frame):
            raise FrameMismatch(f"expected pictures uint8 H×W×3 of one size {shape}, found {frame.dtype} {frame.shape}")
        found += 1
        if found > count:
            break
        yield frame
    if found != count or not count:
        raise FrameMismatch(f"expected {counted(max(1, count), 'picture')}, found {'more' if found > count else found}")


def _columns(count: int, pitch: int, *, strip: bool) -> int:
    if not strip:
        return ceil(sqrt(count))
    most = max(1, _STRIP // pitch)
    return ceil(count / ceil(count / most))  # rows of about the same length


def _zoom_for(frame: Frame) -> int:
    return max(1, ceil(_MOVING / min(frame.shape[:2])))


def _as_picture(pixels: Frame) -> Picture:
    grey = bool((pixels[..., :1] == pixels[..., 1:]).all())
    return Picture(pixels, grey=grey)


def _gif(frames: Iterator[Frame], fps: float) -> bytes:
    """An endless GIF. Greys are exact; colours are the best 256 for each frame."""
    images = (_image(frame) for frame in frames)
    first = next(images)
    stream = io.BytesIO()
    first.save(stream, "GIF", save_all=True, append_images=images, duration=max(20, round(1000 / fps)), loop=0)
    return stream.getvalue()


def _image(frame: Frame) -> Image.Image:
    if _as_picture(frame).grey:
        return Image.fromarray(np.ascontiguousarray(frame[..., 0]))
    return Image.fromarray(np.ascontiguousarray(frame[..., ::-1]))
