"""Finds weights that are not finite in a model file, without the ``onnx`` package."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nitido.model_file.properties import read_fields, read_varint

# Numbers of protobuf fields: ModelProto.graph, GraphProto.node and .initializer, NodeProto.attribute,
# AttributeProto.f, .floats, .t and .g. TensorProto is below.
_GRAPH, _NODE, _INITIALIZER, _ATTRIBUTE = 7, 1, 5, 5
_TENSOR_OF_ATTRIBUTE, _GRAPH_OF_ATTRIBUTE = 5, 6
_TYPE, _FLOATS, _INTEGERS, _NAME, _RAW, _DOUBLES = 2, 4, 5, 8, 9, 10
_FLOAT, _HALF, _DOUBLE, _BFLOAT16 = 1, 10, 11, 16


def first_not_finite(model: bytes) -> str | None:
    """The name of the first float weight of an ``.onnx`` file with a NaN or infinite value. Raises
    ``CardMismatch`` when the bytes are not an ONNX file."""
    for number, _, value in read_fields(model):
        if number == _GRAPH:
            for tensor in _tensors(value):
                name, values = _read(tensor)
                if values is not None and not np.isfinite(values).all():
                    return name or "a constant"
    return None


def _tensors(graph: bytes) -> Iterator[bytes]:
    for number, _, value in read_fields(graph):
        if number == _INITIALIZER:
            yield value
        elif number == _NODE:
            attributes = (v for n, _, v in read_fields(value) if n == _ATTRIBUTE)
            for attribute in attributes:
                for inner, _, content in read_fields(attribute):
                    if inner == _TENSOR_OF_ATTRIBUTE:
                        yield content
                    elif inner == _GRAPH_OF_ATTRIBUTE:
                        yield from _tensors(content)


def _read(tensor: bytes) -> tuple[str, NDArray[np.floating] | None]:
    """(name, values) of a tensor; ``None`` if it does not contain floats or is in another file."""
    kind, name, raw = 0, "", b""
    listed: list[bytes] = []
    for number, whole, value in read_fields(tensor):
        if number == _TYPE:
            kind = whole[-1]
        elif number == _NAME:
            name = value.decode("utf-8", "replace")
        elif number == _RAW:
            raw = value
        elif number in (_FLOATS, _DOUBLES):
            listed.append(value or whole[1:])  # packed, or one value after its tag
        elif number == _INTEGERS and kind in (_HALF, _BFLOAT16):
            listed.append(_as_bytes(value or whole[1:]))
    content = raw or b"".join(listed)
    if kind == _BFLOAT16:  # the upper half of a float32
        return name, (np.frombuffer(content, "<u2").astype(np.uint32) << 16).view(np.float32)
    dtype = {_FLOAT: "<f4", _HALF: "<f2", _DOUBLE: "<f8"}.get(kind)
    return name, None if dtype is None else np.frombuffer(content, dtype)


def _as_bytes(packed: bytes) -> bytes:
    """Values of 16 bits that are stored as integers, one after the other."""
    values, at = bytearray(), 0
    while at < len(packed):
        value, at = read_varint(packed, at)
        values += (value & 0xFFFF).to_bytes(2, "little")
    return bytes(values)
