"""Picture files: read whole or not at all, written whole or not at all, with what travels in them kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from nitido.errors import SinkUnavailable, SourceUnavailable
from nitido.whole import replacing

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
_SAVE = {
    ".jpg": {"quality": 95, "subsampling": 0},
    ".jpeg": {"quality": 95, "subsampling": 0},
    ".webp": {"quality": 95},
}


@dataclass(frozen=True)
class Picture:
    """pixels: uint8 H×W×3 BGR, upright. alpha: uint8 H×W or None. grey: the file had one channel. exif, icc: as they
    were, the orientation tag aside; None when there is none."""

    pixels: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None = None
    grey: bool = False
    exif: bytes | None = None
    icc: bytes | None = None


def read_picture(path: Path) -> Picture:
    """Decodes an 8-bit picture. Raises ``SourceUnavailable`` for a missing, truncated, foreign or 16-bit file."""
    try:
        with Image.open(path) as opened:
            if opened.mode.startswith(("I", "F")) or _is_16_bit(opened):
                raise SourceUnavailable(f"{path} has more than 8 bits per channel, expected 8; convert it first")
            image = ImageOps.exif_transpose(opened)  # decodes; drops the orientation tag
            icc = opened.info.get("icc_profile")
    except FileNotFoundError as error:
        raise SourceUnavailable(f"no such file: {path}") from error
    except UnidentifiedImageError as error:
        raise SourceUnavailable(f"{path} is not a picture: expected JPEG, PNG, WebP, BMP or TIFF content") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise SourceUnavailable(f"{path} cannot be decoded ({error}); is the file complete?") from error
    exif = image.getexif().tobytes() or None if len(image.getexif()) else None
    alpha = None
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        alpha = np.ascontiguousarray(np.asarray(image)[:, :, 3])
    grey = image.mode in ("1", "L")
    pixels = np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])  # RGB → BGR
    # A CMYK profile does not describe the RGB pixels that are written.
    return Picture(pixels, alpha, grey, exif, icc if image.mode != "CMYK" else None)


def write_picture(path: Path, picture: Picture) -> None:
    """Encodes by the path's suffix, beside the target first, then renames. JPEG and WebP at quality 95.

    Raises ``SinkUnavailable`` when the suffix is unknown or the place cannot be written; nothing is left behind.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise SinkUnavailable(f"cannot write {path}: expected a name ending in {', '.join(sorted(SUFFIXES))}")
    rgb = picture.pixels[:, :, ::-1]
    image = Image.fromarray(np.ascontiguousarray(rgb))
    if picture.grey:
        image = image.convert("L")
    if picture.alpha is not None and suffix in (".png", ".webp", ".tif", ".tiff"):
        image.putalpha(Image.fromarray(picture.alpha))
    extra: dict[str, object] = dict(_SAVE.get(suffix, {}))
    if picture.exif and suffix != ".bmp":
        extra["exif"] = picture.exif
    if picture.icc and suffix != ".bmp":
        extra["icc_profile"] = picture.icc
    with replacing(path) as partial:
        image.save(partial, format=Image.registered_extensions()[suffix], **extra)  # pyright: ignore[reportArgumentType]


def _is_16_bit(image: Image.Image) -> bool:
    # Pillow opens 16-bit colour PNG as 8-bit RGB; the decoder's raw mode still tells.
    return any(
        ";16" in str(part) for tile in getattr(image, "tile", ()) for part in (tile[3] if len(tile) > 3 else (),)
    )
