"""Describes a picture's colours in a format: as in its file, with a profile, or by converting the pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from nitido.errors import SinkUnavailable
from nitido.images import icc
from nitido.images.depth import grey_of
from nitido.images.picture import Picture

_NUMBERS = frozenset({"avif", "heic"})  # these contain numbers of ITU-T H.273; a PNG can contain any description
_NO_PROFILE = frozenset({"bmp", "ppm", "pgm", "pnm", "jxl"})
_NO_GREY = frozenset({"webp", "ppm"})


def carry_colours(picture: Picture, kind: str, notes: list[str]) -> Picture:
    """The picture with its colours described in a way that ``kind`` supports; ``notes`` get a line if something changed
    or was lost. Raises ``SinkUnavailable`` for HDR if the format cannot describe it."""
    metadata = picture.metadata
    colour, profile = metadata.colour, metadata.icc
    if colour is None and profile is None:
        return picture
    grey = picture.grey and kind not in _NO_GREY
    if kind != "png" and colour is not None and not (kind in _NUMBERS and colour.numbers):
        if colour.hdr:
            raise SinkUnavailable(
                f"the picture is HDR ({colour.hdr}), which {kind} cannot hold; use --format png or avif"
            )
        if profile is None:
            try:
                profile = colour.profile(grey=grey)
            except ValueError as error:
                notes.append(f"{error}; {kind} without it may look different")
        colour = None
    if profile and not grey and icc.space_of(profile) == b"GRAY":
        profile = icc.as_rgb(profile)
    picture = replace(picture, metadata=replace(metadata, icc=profile, colour=colour))
    return _converted(picture, kind, notes) if profile and kind in _NO_PROFILE else picture


def _converted(picture: Picture, kind: str, notes: list[str]) -> Picture:
    """The picture in sRGB, which viewers assume for a file without a profile."""
    profile = picture.metadata.icc or b""
    bare = replace(picture, metadata=replace(picture.metadata, icc=None))
    grey = icc.space_of(profile) == b"GRAY"
    if not grey and icc.looks_like_srgb(profile):
        return bare
    if picture.deep is not None:
        notes.append(f"a {kind} holds no colour profile; left out, colours may look different")
        return bare
    try:
        convert = icc.to_srgb(profile, "L" if grey else "RGB")
    except ValueError:
        notes.append("its colour profile cannot be used; left out")
        return bare
    image = Image.fromarray(grey_of(picture.pixels) if grey else np.ascontiguousarray(picture.pixels[:, :, ::-1]))
    pixels = np.ascontiguousarray(np.asarray(convert(image), np.uint8)[:, :, ::-1])
    if np.array_equal(pixels, picture.pixels):
        return bare
    notes.append(f"converted to sRGB, because a {kind} holds no colour profile")
    return replace(bare, pixels=pixels)
