"""Descriptions of colours without a profile: chunks of a PNG, and the numbers of AVIF and HEIF."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from nitido.images.icc import SRGB, gamma_curve, grey_profile, rgb_profile, srgb_curve

CICP = b"cICP"
# Chunks of a PNG by name, with their required length, in the order of writing.
CHUNKS = {CICP: 4, b"mDCV": 24, b"cLLI": 8, b"sRGB": 1, b"gAMA": 4, b"cHRM": 32}
_UNSPECIFIED = 2
_HDR = {16: "PQ", 18: "HLG"}
# Numbers of ITU-T H.273. Picture viewers show television curves as sRGB.
_SRGB_LIKE = frozenset({1, _UNSPECIFIED, 6, 7, 13, 14, 15})
_EXPONENTS = {4: 2.2, 5: 2.8, 8: 1.0, 17: 2.6}
_D65 = SRGB[:2]
_PRIMARIES = {
    1: SRGB,
    _UNSPECIFIED: SRGB,
    4: (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    22: (*_D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),
}


@dataclass(frozen=True)
class Colour:
    """chunks: the existing ones of :data:`CHUNKS`, by name, with their content in a PNG."""

    chunks: Mapping[bytes, bytes] = field(default_factory=dict)

    @classmethod
    def of_numbers(cls, primaries: int, transfer: int) -> Colour | None:
        """From numbers of ITU-T H.273, as in AVIF and HEIF; ``None`` if they mean sRGB."""
        if primaries in (1, _UNSPECIFIED) and transfer in _SRGB_LIKE:
            return None
        return cls({CICP: bytes([primaries & 255, transfer & 255, 0, 1])})

    @property
    def numbers(self) -> tuple[int, int] | None:
        """Primaries and transfer, by ITU-T H.273; ``None`` if the file does not contain them."""
        found = self.chunks.get(CICP)
        return (found[0], found[1]) if found else None

    @property
    def hdr(self) -> str:
        """``PQ``, ``HLG``, or empty for a standard dynamic range."""
        return _HDR.get(self.numbers[1], "") if self.numbers else ""

    def profile(self, *, grey: bool) -> bytes | None:
        """An equivalent profile, for colours or for ``grey``; ``None`` if the file means sRGB. Raises ``ValueError`` if
        no profile can express it."""
        if self.numbers:
            primaries, transfer = self.numbers
            if not self.chunks[CICP][3]:
                raise ValueError("no profile for colours of narrow range")
            if primaries not in _PRIMARIES or (transfer not in _EXPONENTS and transfer not in _SRGB_LIKE):
                raise ValueError(f"no profile for colours of kind {primaries}, {transfer}")
            where, exponent = _PRIMARIES[primaries], _EXPONENTS.get(transfer)
        elif b"sRGB" in self.chunks:
            return None
        else:
            where, exponent = self._chromaticities(), self._exponent()
        plain = max(abs(a - b) for a, b in zip(where, SRGB, strict=True)) < 0.0015
        if (plain or grey) and (exponent is None or (plain and abs(exponent - 2.2) < 0.05 and not self.numbers)):
            return None
        curve = srgb_curve() if exponent is None else gamma_curve(exponent)
        name = "as in the picture that this was made from"
        return grey_profile(name, curve) if grey else rgb_profile(name, where, curve)

    def _chromaticities(self) -> tuple[float, ...]:
        found = self.chunks.get(b"cHRM")
        return tuple(v / 100_000 for v in struct.unpack(">8I", found)) if found else SRGB

    def _exponent(self) -> float | None:
        found = self.chunks.get(b"gAMA")
        value = struct.unpack(">I", found)[0] if found else 0
        return 100_000 / value if 1000 < value < 10_000_000 else None
