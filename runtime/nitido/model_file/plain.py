"""Makes settings of a model plain inputs, for bindings without optional inputs, such as that of browsers.

In a model file, ``strength``, ``noise`` and ``prior`` are initializers that are also inputs. onnxruntime-web ignores
values for such inputs without a message. Without the initializers, the numbers must be given and are used.
"""

from __future__ import annotations

from nitido.model_file.properties import encode_field, read_fields, read_properties, with_properties

SETTINGS = ("strength", "noise", "prior")
_GRAPH = 7  # the number of ModelProto.graph
_INITIALIZER = 5  # the number of GraphProto.initializer
_TENSOR_NAME = 8  # the number of TensorProto.name
_CERTIFICATE = ("nitido.vectors", "nitido.certificate")


def with_plain_settings(model: bytes) -> tuple[bytes, list[str]]:
    """The model file with its settings as plain inputs, and their names; the unchanged file if it does not have
    settings.

    The certificate is left out, because its vectors do not contain values for the settings. Raises ``CardMismatch``
    when the bytes are not an ONNX file.
    """
    parts: list[bytes] = []
    names: list[str] = []
    for number, whole, value in read_fields(model):
        if number != _GRAPH:
            parts.append(whole)
            continue
        kept: list[bytes] = []
        for inner, field, tensor in read_fields(value):
            name = _tensor_name(tensor) if inner == _INITIALIZER else ""
            if name in SETTINGS:
                names.append(name)
            else:
                kept.append(field)
        parts.append(encode_field(_GRAPH, b"".join(kept)))
    if not names:
        return model, []
    plain = b"".join(parts)
    known = read_properties(plain)
    return with_properties(plain, {key: None for key in _CERTIFICATE if key in known}), sorted(names, reverse=True)


def _tensor_name(tensor: bytes) -> str:
    return next(
        (value.decode("utf-8", "replace") for number, _, value in read_fields(tensor) if number == _TENSOR_NAME), ""
    )
