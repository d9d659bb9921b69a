"""Decodes picture files of all formats, with 8 and 16 bits per channel."""

from __future__ import annotations

import io
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from nitido.errors import SourceUnavailable
from nitido.images import plugins
from nitido.images.formats import signatures
from nitido.images.formats.decoder import Decoder, PillowDecoder
from nitido.images.picture import Picture

MAX_PIXELS = 500_000_000
FORMATS = (
    *("JPEG", "PNG", "TIFF", "WebP", "BMP", "PNM"),
    *(("AVIF",) if plugins.AVIF else ()),
    *(("HEIC",) if plugins.HAS_HEIF else ()),
    *(("JPEG XL",) if plugins.HAS_JXL else ()),
)


class PictureFile:
    """An opened picture file with known size, whose pixels are not decoded yet. For a ``with`` block.

    width, height: in pixels, as stored. deep: 16 bits per channel. Raises ``SourceUnavailable`` for a missing, foreign
    or damaged file, more than ``max_pixels``, 32 bits per channel, or several pictures in one file.
    """

    def __init__(self, source: Path | bytes, name: str | None = None, *, max_pixels: int = MAX_PIXELS) -> None:
        """source: the file, or its content with ``name`` for messages."""
        self.name = name or (str(source) if isinstance(source, Path) else "the picture")
        try:
            self._file = _open_file(source) if isinstance(source, Path) else io.BytesIO(source)
        except FileNotFoundError as error:
            raise SourceUnavailable(f"no such file: {self.name}") from error
        except OSError as error:
            raise SourceUnavailable(f"{self.name} cannot be read: {error.strerror or error}") from error
        self._decoder: Decoder | None = None
        try:
            self._decoder = decoder = self._open()
            self.width, self.height, self.deep = decoder.width, decoder.height, decoder.deep
            if self.width * self.height > max_pixels:
                raise SourceUnavailable(
                    f"{self.name} has {self.width}×{self.height} pixels, expected at most {max_pixels / 1e6:.0f} "
                    "megapixels; if the file is not damaged, raise --max-megapixels"
                )
            decoder.check()
        except (SourceUnavailable, ImportError):  # the latter means a broken library, not a broken file
            self._close()
            raise
        except Exception as error:  # decoders raise any kind of exception for damaged files
            self._close()
            raise _damaged(self.name, error) from error

    def __enter__(self) -> PictureFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def decode(self) -> Picture:
        """The picture, upright. Raises ``SourceUnavailable`` for a file that is damaged or truncated."""
        assert self._decoder is not None
        try:
            picture = self._decoder.decode()
        except SourceUnavailable:
            raise
        except MemoryError as error:
            raise SourceUnavailable(f"{self.name}: not enough memory for {self.width}×{self.height} pixels") from error
        except Exception as error:  # as above
            raise _damaged(self.name, error) from error
        return replace(picture, notes=tuple(_line(note) for note in picture.notes)) if picture.notes else picture

    def _open(self) -> Decoder:
        # Directly with the plugin for its content: Image.open would also try other formats, and compare the size with a
        # global limit.
        head = self._file.read(32)
        self._file.seek(0)
        opener = _opener(head)
        if opener is None:
            raise SourceUnavailable(f"{self.name} is not a picture: expected {', '.join(FORMATS)} content")
        return opener(self._file, self.name)

    def _close(self) -> None:
        if self._decoder is not None:
            self._decoder.close()
        self._file.close()


def _open_file(path: Path) -> BinaryIO:
    # Opening a pipe without a writer would wait forever.
    if not stat.S_ISREG(mode := path.stat().st_mode) and not stat.S_ISDIR(mode):
        raise OSError(0, "not a file but a pipe, socket or device")
    return path.open("rb")


def _opener(head: bytes) -> Callable[[BinaryIO, str], Decoder] | None:
    """The decoder class for a file that begins with these bytes. The modules of a format are loaded with its first
    file, so that a single JPEG does not have to wait for all others."""
    if head.startswith(signatures.JPEG):
        return _open_jpeg
    if head.startswith(signatures.PNG):
        from nitido.images.formats.png import PngDecoder

        return PngDecoder
    if head[:4] in signatures.TIFF:
        from nitido.images.formats.tiff import TiffDecoder

        return TiffDecoder
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        from nitido.images.formats.webp import WebpDecoder

        return WebpDecoder
    if head.startswith(b"BM"):
        return _open_bmp
    if head[4:8] == b"ftyp" and head[8:12] in signatures.HEIF:
        from nitido.images.formats.heif import open_heif

        return open_heif
    if head.startswith(signatures.JXL):
        return lambda stream, name: PillowDecoder(plugins.jxl_plugin(name).JXLImageFile(stream, name), name)
    if signatures.PNM.match(head):
        from nitido.images.formats.pnm import PnmDecoder

        return PnmDecoder
    return None


def _open_jpeg(stream: BinaryIO, name: str) -> Decoder:
    from PIL import JpegImagePlugin

    from nitido.images.formats.jpeg import JpegDecoder

    return JpegDecoder(JpegImagePlugin.JpegImageFile(stream, name), name)


def _open_bmp(stream: BinaryIO, name: str) -> Decoder:
    from PIL import BmpImagePlugin

    return PillowDecoder(BmpImagePlugin.BmpImageFile(stream, name), name)


def _damaged(name: str, error: Exception) -> SourceUnavailable:
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return SourceUnavailable(f"{name} cannot be decoded ({said}); is the file complete?")


def _line(note: str) -> str:
    return " ".join(note.split())
