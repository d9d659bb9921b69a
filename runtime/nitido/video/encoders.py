"""Encoders of this FFmpeg, by name, with pixel formats and options that preserve the source."""

from __future__ import annotations

from typing import Any

from nitido.errors import SinkUnavailable
from nitido.video.formats import DEFAULT_CODECS, ENCODERS, encoder_options
from nitido.video.info import Mastering
from nitido.video.library import load_av

# Pixel formats by preference: 8 bits, then more.
_SHALLOW = ("yuv420p", "yuvj420p", "nv12", "bgr0", "gbrp")
_DEEP = ("yuv420p10le", "p010le", "yuv422p10le", "yuv444p10le", "gbrp16le")
_LOSSLESS = {False: ("bgr0", "gbrp"), True: ("gbrp16le", "bgr48le", "yuv444p10le")}
SHAPELESS = ("libvpx", "libvpx-vp9", "libsvtav1")
"""Encoders that do not store the pixel aspect."""
# Suffixes of the names of encoders that need special hardware and its driver.
_HARDWARE = ("_nvenc", "_qsv", "_vaapi", "_v4l2m2m", "_videotoolbox", "_amf", "_mf", "_omx", "_mediacodec", "_vulkan")


def default_codec(suffix: str, *, deep: bool) -> str:
    """The default codec for a file of that suffix. Few players support H.264 with more than 8 bits."""
    return DEFAULT_CODECS.get(suffix) or ("h265" if deep else "h264")


def find_encoder(codec: str) -> str:
    """FFmpeg's name of the encoder for one of ``ENCODERS`` or for its own name. Raises ``SinkUnavailable``."""
    name = ENCODERS.get(codec, codec)
    try:
        found = load_av().Codec(name, "w")
    except Exception as error:  # PyAV raises its own exceptions for unknown names
        known = ", ".join(ENCODERS)
        raise SinkUnavailable(
            f"no encoder '{codec}' in this FFmpeg: expected one of {known}, or the name of one of its encoders"
        ) from error
    if found.type != "video":
        raise SinkUnavailable(f"'{codec}' encodes {found.type}, expected a codec for video")
    return name


def pixel_format(encoder: str, *, deep: bool) -> str:
    """The pixel format of frames for an encoder. deep: with more than 8 bits, if it supports that."""
    formats = [f.name for f in load_av().Codec(encoder, "w").video_formats or ()]
    lossy = (*_DEEP, *_SHALLOW) if deep else _SHALLOW
    wanted = _LOSSLESS[deep] if encoder == "ffv1" else lossy
    return next((name for name in wanted if name in formats), formats[0] if formats else "yuv420p")


def is_deep(pixel_format_: str) -> bool:
    """Whether a pixel format has more than 8 bits."""
    return pixel_format_ in (*_DEEP, *_LOSSLESS[True])


def options_of(encoder: str, quality: int, mastering: Mastering | None) -> dict[str, str]:
    """FFmpeg's options at a quality of 1..100, including the mastering display of an HDR source."""
    options = encoder_options(encoder, quality)
    if mastering is not None and encoder in _SCREENS:
        option, more = _SCREENS[encoder], _screen(encoder, mastering)
        options[option] = ":".join(part for part in (options.get(option), more) if part)
    return options


def keeps_mastering(encoder: str) -> bool:
    """Whether :func:`options_of` supports the mastering display of an HDR source."""
    return encoder in _SCREENS


def advice(encoder: str) -> str:
    """Advice for an encoder that cannot be opened."""
    if encoder.endswith(_HARDWARE):
        return "this encoder needs its hardware and driver, which are not found here; use --codec h264"
    return "try another --codec or suffix"


_SCREENS = {"libx265": "x265-params", "libsvtav1": "svtav1-params", "libx264": "x264-params"}


def _screen(encoder: str, mastering: Mastering) -> str:
    """For SVT-AV1 in fractions, for the others in units of 1/50000 and 1/10000 cd/m²."""

    def number(value: float, unit: int) -> Any:
        return f"{value:.5f}" if encoder == "libsvtav1" else round(value * unit)

    places = [number(value, 50_000) for value in mastering.primaries]
    red, green, blue, white = (f"({x},{y})" for x, y in zip(places[::2], places[1::2], strict=True))
    high, low = (number(value, 10_000) for value in mastering.luminance)
    screen = f"G{green}B{blue}R{red}WP{white}L({high},{low})"
    name, light = {
        "libx265": ("master-display", "max-cll"),
        "libsvtav1": ("mastering-display", "content-light"),
        "libx264": ("mastering-display", "cll"),
    }[encoder]
    brightest = f":{light}={mastering.light[0]},{mastering.light[1]}" if any(mastering.light) else ""
    return f"{name}={screen}{brightest}"
