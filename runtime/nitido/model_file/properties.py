"""Reads and changes the properties of a model file (ONNX ``metadata_props``) and its seal, without the ``onnx``
package.

An ``.onnx`` file is a protobuf message with few fields at the top level. Only the boundaries of these are parsed here;
the bytes of the graph do not change. The ``onnx`` package could do the same, but is too large for devices.

The property ``nitido.seal`` is the SHA-256 of the file with the seal's own 64 digits set to ``0``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping

from nitido.errors import CardMismatch
from nitido.model_file.card import PREFIX

SEAL = PREFIX + "seal"
UNSEALED = "0" * 64
# The seal in the file, in protobuf's form of a property: key, tag and length of the value, value.
_SEAL = re.compile(re.escape(SEAL.encode()) + rb"\x12\x40([0-9a-f]{64})")
_PROPERTIES = 14  # the number of ModelProto.metadata_props; an entry is key (1) and value (2)
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # how protobuf lays out a field


def read_properties(model: bytes) -> dict[str, str]:
    """All properties of a model file. Raises ``CardMismatch`` when the bytes are not an ONNX file."""
    return dict(_read_entry(value) for number, _, value in read_fields(model) if number == _PROPERTIES)


def with_properties(model: bytes, entries: Mapping[str, str | None]) -> bytes:
    """The model file with the properties ``entries`` (``nitido.…`` → text), which replace those of the same names;
    ``None`` removes one. A file with a seal gets a new one. Raises ``CardMismatch`` when the bytes are not an ONNX
    file."""
    strange = [key for key in entries if not key.startswith(PREFIX) or key == SEAL]
    if strange:
        raise ValueError(f"expected names that begin with {PREFIX} and are not {SEAL}, found {strange[0]}")
    sealed = SEAL in read_properties(model)
    replaced = {SEAL, *entries}
    # Readers may use either of two entries with the same name, so the old one is removed.
    kept = [w for n, w, value in read_fields(model) if n != _PROPERTIES or _read_entry(value)[0] not in replaced]
    added = {key: text for key, text in entries.items() if text is not None} | ({SEAL: UNSEALED} if sealed else {})
    stamped = b"".join(kept) + b"".join(_entry(key, text) for key, text in added.items())
    return seal(stamped) if sealed else stamped


def seal(model: bytes) -> bytes:
    """The model file with its seal filled in; expects the property ``nitido.seal`` with 64 zeros."""
    found = _SEAL.search(model)
    if found is None:
        raise ValueError(f"the model has no entry {SEAL}")
    blank = model[: found.start(1)] + UNSEALED.encode() + model[found.end(1) :]
    digest = hashlib.sha256(blank).hexdigest().encode()
    return model[: found.start(1)] + digest + model[found.end(1) :]


def is_intact(model: bytes) -> bool | None:
    """Whether a file's seal fits its bytes; ``None`` without a seal."""
    return None if _SEAL.search(model) is None else seal(model) == model


def _read_entry(message: bytes) -> tuple[str, str]:
    parts = {number: value.decode("utf-8", "replace") for number, _, value in read_fields(message)}
    return parts.get(1, ""), parts.get(2, "")


def _entry(key: str, text: str) -> bytes:
    inner = encode_field(1, key.encode()) + encode_field(2, text.encode())
    return encode_field(_PROPERTIES, inner)


def encode_field(number: int, value: bytes) -> bytes:
    """A field of bytes as protobuf writes it."""
    return _varint(number << 3 | _BYTES) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    groups = bytearray()
    while value >= 0x80:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def read_fields(message: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(number, bytes of the whole field, its value if that is bytes) of each field of a message."""
    at = 0
    while at < len(message):
        start = at
        tag, at = read_varint(message, at)
        kind, value = tag & 7, b""
        if kind == _VARINT:
            _, at = read_varint(message, at)
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        elif kind == _BYTES:
            length, at = read_varint(message, at)
            value = message[at : at + length]
            at += length
        else:
            raise _foreign()
        if at > len(message):
            raise _foreign()
        yield tag >> 3, message[start:at], value


def read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 70:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise _foreign()


def _foreign() -> CardMismatch:
    return CardMismatch("the file is not an ONNX model or is truncated: get it again, or export it again")
