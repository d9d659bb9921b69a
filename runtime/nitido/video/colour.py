"""The colours of a video: matrix, range, primaries and transfer, and conversion of frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nitido.video.library import load_av
from nitido.video.planes import FORMATS, colours_of, halved_planes

# ITU-T H.273 numbers, as FFmpeg and every container use them.
BT709, UNSPECIFIED, BT470BG, SMPTE170M, BT2020 = 1, 2, 5, 6, 9
PQ, HLG = 16, 18
LIMITED, FULL = 1, 2
_RGB_MATRIX = 0
_HD_LINES = 720  # untagged pictures of this height or more count as BT.709, smaller ones as BT.601, as in players
# swscale's numbers for its coefficient tables.
_TABLES = {BT709: 1, 4: 4, BT470BG: 5, SMPTE170M: 5, 7: 7, BT2020: 9, 10: 9}
# swscale's flags: bicubic; exact rounding; colour interpolated at full width, in both directions. Without them, a sharp
# picture has 39.5 dB after a conversion to 4:2:0 and back, with them 46.7 dB. For formats that planes.py does not
# support.
_BICUBIC, _FULL_OUT, _FULL_IN, _EXACT = 0x4, 0x2000, 0x4000, 0x40000
_READ = _BICUBIC | _EXACT | _FULL_OUT
_WRITE = _BICUBIC | _EXACT | _FULL_IN
_DEEP = _READ | _WRITE


@dataclass(frozen=True)
class ColourTags:
    """matrix, range, primaries, transfer: H.273 numbers of a file; 2 (range: 0) if they are not specified."""

    matrix: int = BT709
    range: int = LIMITED
    primaries: int = BT709
    transfer: int = BT709

    @property
    def hdr(self) -> str:
        """``PQ``, ``HLG``, or empty for a standard dynamic range."""
        return {PQ: "PQ", HLG: "HLG"}.get(self.transfer, "")

    def settled(self, height: int) -> ColourTags:
        """The same with the matrix and range that players assume if the file does not specify them or has RGB."""
        matrix, range_ = self.matrix, self.range or LIMITED
        if matrix == _RGB_MATRIX:
            range_ = LIMITED
        if matrix not in _TABLES:
            matrix = BT709 if height >= _HD_LINES else SMPTE170M
        return replace(self, matrix=matrix, range=range_)


def tags_of(frame: Any) -> ColourTags:
    """Of a decoded frame."""
    full = frame.format.name.startswith("yuvj")
    return ColourTags(
        int(frame.colorspace),
        FULL if full else int(frame.color_range),
        int(frame.color_primaries),
        int(frame.color_trc),
    )


def depth_of(pixel_format: Any) -> int:
    """Bits of the deepest component."""
    return max(component.bits for component in pixel_format.components)


class Decoder:
    """Frames of PyAV as arrays. For one thread."""

    def __init__(self) -> None:
        self._reformatter = load_av().video.reformatter.VideoReformatter()

    def pixels(self, frame: Any, tags: ColourTags, *, deep: bool = False, tone_map: bool = False) -> NDArray[Any]:
        """H×W×3 BGR, full range: uint8, with ``deep`` uint16. tone_map: to the colours and brightness of BT.709."""
        settled = tags.settled(frame.height)
        if frame.format.name in FORMATS and not (deep or tone_map):
            return colours_of(frame, settled.matrix, full=settled.range == FULL)
        kind = "bgr48le" if deep else "bgr24"
        options: dict[str, Any] = {"interpolation": _DEEP if deep else _READ}
        if tags.matrix != _RGB_MATRIX:
            options |= {"src_colorspace": _TABLES[settled.matrix], "src_color_range": settled.range}
        if tone_map:
            options |= {"dst_color_trc": BT709, "dst_color_primaries": BT709}
        return self._reformatter.reformat(frame, format=kind, **options).to_ndarray()


class Encoder:
    """Arrays as frames of PyAV in an encoder's pixel format. For one thread."""

    def __init__(self, pixel_format: str, tags: ColourTags) -> None:
        self._av = load_av()
        reformatter = self._av.video.reformatter.VideoReformatter()
        self._reformatter, self._format, self._tags = reformatter, pixel_format, tags

    def frame(self, pixels: NDArray[Any]) -> Any:
        """uint8 or uint16 H×W×3 BGR, even sides, as a frame with its tags."""
        deep, tags = pixels.dtype == np.uint16, self._tags
        if self._format in ("yuv420p", "yuvj420p") and not deep:
            planes = halved_planes(pixels, tags.matrix, full=tags.range == FULL)
            made = self._av.VideoFrame.from_ndarray(planes, format=self._format)
        else:
            made = self._reformatted(np.ascontiguousarray(pixels), deep)
        made.colorspace, made.color_range = tags.matrix, tags.range
        made.color_primaries, made.color_trc = tags.primaries, tags.transfer
        return made

    def _reformatted(self, pixels: NDArray[Any], deep: bool) -> Any:
        given = self._av.VideoFrame.from_ndarray(pixels, format="bgr48le" if deep else "bgr24")
        options: dict[str, Any] = {"interpolation": _DEEP if deep else _WRITE}
        if not self._format.startswith(("gbr", "bgr", "rgb")):
            options |= {"dst_colorspace": _TABLES[self._tags.matrix], "dst_color_range": self._tags.range}
        return self._reformatter.reformat(given, format=self._format, **options)
