"""Encodes sound again if a container does not support its codec."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from nitido.video.library import load_av

_BIT_RATE = 96_000  # per channel: twice the rate that is usually considered transparent
_SAMPLES = 1024  # of a packet, if the encoder does not specify it
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}  # layouts for files that only specify the number of channels
_PAUSE = 0.1  # seconds: a longer pause in the sound is kept


def recoded_sound(stream: Any, output: Any, suffix: str) -> tuple[Callable[[Any], list[Any]], str]:
    """A new stream of ``output``, the converter of packets from ``stream``, and the name of the codec.

    Raises exceptions of PyAV for sound that cannot be decoded.
    """

    av = load_av()
    codec = {".webm": "libopus", ".avi": "libmp3lame"}.get(suffix, "aac")
    rate = 48_000 if codec == "libopus" else min(stream.codec_context.sample_rate, 48_000)
    channels = stream.codec_context.layout.nb_channels
    if codec == "libmp3lame":
        channels = min(channels, 2)
    layout = _LAYOUTS.get(channels, stream.codec_context.layout.name)
    made = output.add_stream(codec, rate=rate)
    made.codec_context.layout = layout
    made.codec_context.bit_rate = _BIT_RATE * channels
    made.metadata.update({key: value for key, value in stream.metadata.items() if key in ("language", "title")})
    made.disposition = stream.disposition
    wanted = made.codec_context.codec.audio_formats
    resampler = av.AudioResampler(format=wanted[0].name if wanted else "fltp", layout=layout, rate=rate)
    fifo = av.AudioFifo()
    position: int | None = None  # time of the first sample in the queue, in samples

    def carry(packet: Any) -> list[Any]:
        nonlocal position
        try:
            frames = stream.codec_context.decode(packet) if packet is None else packet.decode()
        except av.error.InvalidDataError:
            return []  # a damaged packet
        packets: list[Any] = []
        for frame in [*frames, *([None] if packet is None else [])]:
            for piece in resampler.resample(frame):
                at = None if piece.pts is None else round(piece.pts * (piece.time_base or Fraction(1, rate)) * rate)
                expected = None if position is None else position + fifo.samples
                if position is None or expected is None:
                    position = at or 0
                elif at is not None and at - expected > _PAUSE * rate:
                    position += at - expected
                piece.pts = None
                fifo.write(piece)
            size = made.codec_context.frame_size or _SAMPLES
            while (block := fifo.read(size, partial=frame is None)) is not None:
                block.pts, block.time_base, block.sample_rate = position, Fraction(1, rate), rate
                position = (position or 0) + block.samples
                packets += made.encode(block)
        if packet is None:
            packets += made.encode(None)
        return packets

    return carry, codec.removeprefix("lib")
