"""Corrects the time stamps of a file's packets, counted from the beginning of the file."""

from __future__ import annotations

from typing import Any

_JOINT = 0.1  # step back in seconds within a stream, which means that two recordings were joined there
_HOURS = 600.0  # step ahead in seconds that is not a pause but another recording
_ALIKE = 1.0  # largest difference in seconds between the jumps of two streams at one joint


class Timeline:
    """Corrects the time stamps of a file's packets, in the order of reading.

    start: seconds at which the file begins after the correction.

    MPEG streams start at any time and jump where recordings were joined. AVI counts pictures in decoding order, so with
    B-frames the first one seems to be late.
    """

    def __init__(self, container: Any, main: Any) -> None:
        """main: the stream of pictures."""
        names = container.format.name.split(",")
        began = (container.start_time or 0) / 1_000_000
        self._joints = "mpegts" in names or "mpeg" in names
        self._avi_pictures = main.index if main is not None and "avi" in names else None
        self._newest = -began if self._joints else 0.0
        self._shifts: dict[int, float] = {}
        self._expected: dict[int, float] = {}
        self.start = began + self._newest

    def place(self, packet: Any) -> None:
        """Corrects ``pts`` and ``dts`` of a packet."""
        if packet.dts is None or not packet.time_base:
            return
        index = packet.stream.index
        if index == self._avi_pictures:
            late = 0 if packet.pts is None else max(0, packet.pts - packet.dts)
            self._shifts[index], self._avi_pictures = -float(late * packet.time_base), None
        elif self._joints:
            self._find_joint(index, float(packet.dts * packet.time_base), packet)
        ticks = round(self._shifts.get(index, self._newest) / packet.time_base)
        if ticks:
            packet.dts += ticks
            if packet.pts is not None:
                packet.pts += ticks

    def _find_joint(self, index: int, moment: float, packet: Any) -> None:
        shift = self._shifts.setdefault(index, self._newest)
        expected = self._expected.get(index)
        sparse = packet.stream.type not in ("video", "audio")
        if expected is not None and not -_JOINT <= moment + shift - expected < _HOURS:
            # The streams of a file jump together, although their packets arrive at different moments.
            jumped = self._newest != shift and abs(moment + self._newest - expected) < _ALIKE
            shift = self._newest if jumped or sparse else expected - moment
            self._shifts[index] = self._newest = shift
        self._expected[index] = moment + shift + float((packet.duration or 0) * packet.time_base)
