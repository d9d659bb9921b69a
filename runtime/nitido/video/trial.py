"""Tests whether a container supports a stream, by writing a little of it into memory."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from nitido.video.library import load_av, open_input

_READ = 400  # number of packets of a file that are read to find the first ones of each stream
_ENOUGH = 8  # of a stream


def first_packets(source: Path | str) -> dict[int, list[Any]]:
    """The first packets of each stream of a file, by index, if they are near the beginning."""
    found: dict[int, list[Any]] = defaultdict(list)
    with open_input(source) as container:
        try:
            for packet in islice(container.demux(), _READ):
                if packet.size and len(found[packet.stream.index]) < _ENOUGH:
                    found[packet.stream.index].append(packet)
        except (load_av().error.FFmpegError, OSError):
            pass  # damage is reported when the file is read
    return found


def can_hold(muxer: str, stream: Any, packets: Iterable[Any]) -> bool:
    """Whether FFmpeg's ``muxer`` takes a stream and its first packets, which are used up.

    The list of codecs that a muxer claims to support is longer: it contains FLAC and Opus for .mov, for instance.
    """
    av = load_av()
    try:
        with av.open(io.BytesIO(), "w", format=muxer) as trial:
            copy = trial.add_stream_from_template(stream)
            trial.start_encoding()
            for packet in packets:
                packet.stream = copy
                trial.mux_one(packet)
    except Exception:  # PyAV and FFmpeg raise various kinds
        return False
    return True
