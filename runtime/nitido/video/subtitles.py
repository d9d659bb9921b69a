"""Converts text subtitles between the forms that containers support."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from nitido.video.library import load_av

TEXTS = ("mov_text", "srt", "subrip", "text", "webvtt", "ass", "ssa")
_MILLISECONDS = Fraction(1, 1000)
_STYLES = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def converted_subtitles(stream: Any, output: Any, suffix: str) -> Callable[[Any], list[Any]] | None:
    """A new stream of ``output`` and the converter of packets from ``stream``; ``None`` for a container without
    subtitles. Only words and times are kept, and SubRip's tags between formats that share them."""

    av = load_av()
    given, moves = stream.codec_context.name, suffix in (".mp4", ".m4v", ".mov")
    if moves:
        made = output.add_stream("mov_text")
        made.codec_context.subtitle_header = _STYLES
    elif suffix in (".mkv", ".webm"):
        made = output.add_mux_stream("subrip" if suffix == ".mkv" else "webvtt")
    else:
        return None
    made.time_base = _MILLISECONDS
    made.metadata.update({key: value for key, value in stream.metadata.items() if key in ("language", "title")})
    made.disposition = stream.disposition

    def carry(packet: Any) -> list[Any]:
        if packet is None:
            return []
        text = text_of(bytes(packet), given)
        if not text:
            return []  # MP4 fills gaps with empty ones
        data = re.sub(r"<[^>]*>", "", text).encode() if moves else text.encode()
        converted = av.Packet(struct.pack(">H", len(data)) + data if moves else data)
        converted.pts = converted.dts = round(packet.pts * packet.time_base / _MILLISECONDS)
        converted.duration = round((packet.duration or 0) * packet.time_base / _MILLISECONDS)
        converted.time_base, converted.stream = _MILLISECONDS, made
        return [converted]

    return carry


def text_of(data: bytes, codec: str) -> str:
    """The text of a packet with one of the codecs ``TEXTS``."""
    if codec == "mov_text":
        length = struct.unpack(">H", data[:2])[0] if len(data) >= 2 else 0
        return data[2 : 2 + length].decode("utf-8", "replace")
    text = data.decode("utf-8", "replace")
    if codec in ("ass", "ssa"):  # eight fields precede the text
        text = re.sub(r"\{[^}]*\}", "", text.split(",", 8)[-1])
        text = text.replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ")
    return text.strip()
