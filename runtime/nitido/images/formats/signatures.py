"""The first bytes of picture files of each format."""

from __future__ import annotations

import re

JPEG = b"\xff\xd8\xff"
PNG = b"\x89PNG\r\n\x1a\n"
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
HEIF = (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
"""Brands, after a length and ``ftyp``."""
JXL = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")
PNM = re.compile(rb"P[1-6][\s#]")
