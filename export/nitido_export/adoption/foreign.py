"""Reads a model file of another tool, converts it to a common opset and runs it in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, compose, version_converter

from nitido.errors import ExportError
from nitido_export.graph.writer import OPSET

PREFIX = "foreign."
_FREE_CONSTANTS = 4  # the first IR version in which an initializer need not be an input as well
_FLOATS = {TensorProto.FLOAT: np.float32, TensorProto.FLOAT16: np.float16}
_LEVEL_NAMES = ("sigma", "noise", "level", "map", "strength")  # parts of the names of inputs that are not pictures


class Misfit(Exception):
    """A run failed: the model does not take inputs of these shapes."""


@dataclass(frozen=True)
class Port:
    """An input or output of the graph. dims: a number where the file fixes the size, else ``None``."""

    name: str
    dims: tuple[int | None, ...]
    half: bool = False


@dataclass(frozen=True)
class Foreign:
    """A float model from picture to picture.

    path: of its file.
    model: opset 17 or later; all names begin with ``PREFIX``; inputs with default values are constants.
    image, output: the ports of the picture that it takes and of the one that it returns.
    level: a second input, such as a noise level; ``None``: there is none.
    """

    path: Path
    model: onnx.ModelProto
    image: Port
    output: Port
    level: Port | None

    @property
    def opset(self) -> int:
        return _opset(self.model)

    @cached_property
    def free(self) -> onnx.ModelProto:
        """The model without the declared sizes of its inputs, so that other sizes can be tried."""
        free = onnx.ModelProto()
        free.CopyFrom(self.model)
        del free.graph.value_info[:]
        for value in (*free.graph.input, *free.graph.output):
            for axis, dim in enumerate(value.type.tensor_type.shape.dim):
                if value.name != self.image.name or dim.dim_value not in (1, 2, 3, 4) or axis not in (1, 3):
                    dim.Clear()
                    dim.dim_param = f"{value.name}.{axis}"
        return free

    def with_network(self, model: onnx.ModelProto) -> Foreign:
        """The same ports with another graph between them, such as a quantized one."""
        return Foreign(self.path, model, self.image, self.output, self.level)


class Runner:
    """A foreign model in memory, on the CPU."""

    def __init__(self, foreign: Foreign, *, fixed: bool = False) -> None:
        """fixed: keep the sizes that the file declares. Raises ``ExportError``."""
        self._foreign = foreign
        options = ort.SessionOptions()
        options.log_severity_level = 4  # a size that does not fit is an expected result here, not an error
        content = (foreign.model if fixed else foreign.free).SerializeToString()
        try:
            self._session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions share no base but Exception
            said = str(error).strip().splitlines()[0]
            raise ExportError(f"{foreign.path} cannot be run by onnxruntime {ort.__version__}: {said}") from error

    def __call__(self, image: NDArray[Any], level: NDArray[Any] | None = None) -> NDArray[np.float32]:
        """image: float, as the model takes it. level: of the second input. Raises :class:`Misfit`."""
        foreign = self._foreign
        feeds = {foreign.image.name: image.astype(np.float16 if foreign.image.half else np.float32)}
        if foreign.level is not None and level is not None:
            feeds[foreign.level.name] = level.astype(np.float16 if foreign.level.half else np.float32)
        try:
            (found,) = self._session.run([foreign.output.name], feeds)
        except Exception as error:  # onnxruntime's exceptions share no base but Exception
            raise Misfit(str(error).strip().splitlines()[0]) from error
        return np.asarray(found, np.float32)


def read_foreign(path: Path) -> Foreign:
    """Raises ``ExportError`` for a file that is not a float ONNX model from one picture to one picture."""
    try:
        model = onnx.load(str(path))
    except FileNotFoundError:
        raise ExportError(f"no such file: {path}") from None
    except Exception as error:  # protobuf's DecodeError, or missing files of weights
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ExportError(f"{path} cannot be read as an ONNX model: {said}") from error
    if any(entry.key.startswith("nitido.") for entry in model.metadata_props):
        raise ExportError(f"{path} is a Nítido model already; it needs no wrapping")
    if len(model.graph.output) != 1:
        names = ", ".join(value.name for value in model.graph.output) or "none"
        raise ExportError(f"{path} has outputs {names}: expected a model from picture to picture, which has one")
    constants = {tensor.name for tensor in model.graph.initializer}
    given = [value for value in model.graph.input if value.name not in constants]
    del model.graph.input[:]
    model.graph.input.extend(given)
    _name_nodes(model.graph)
    model.ir_version = max(model.ir_version, _FREE_CONSTANTS)
    model = compose.add_prefix(_current(model, path), PREFIX)
    ports = [_port(value, path) for value in model.graph.input]
    if not 1 <= len(ports) <= 2:
        names = ", ".join(port.name.removeprefix(PREFIX) for port in ports) or "none"
        raise ExportError(f"{path} has inputs {names}: expected a picture, and at most a noise level with it")
    image, output = _picture_among(ports, path), _port(model.graph.output[0], path)
    if len(output.dims) not in (0, 4):  # 0: the file does not say
        raise ExportError(
            f"{path}: its output '{output.name.removeprefix(PREFIX)}' has {len(output.dims)} dimensions, expected a "
            "picture, which has 4"
        )
    level = next((port for port in ports if port is not image), None)
    return Foreign(path, model, image, output, level)


def _name_nodes(graph: onnx.GraphProto) -> None:
    """Gives every node a name of its own; files may lack them, and quantized layers are chosen by name."""
    taken = {node.name for node in graph.node}
    seen = {""}
    for number, node in enumerate(graph.node):
        if node.name in seen:
            node.name = next(name for i in count() if (name := f"{node.op_type}_{number}_{i}") not in taken)
            taken.add(node.name)
        seen.add(node.name)


def _picture_among(ports: list[Port], path: Path) -> Port:
    pictures = [port for port in ports if len(port.dims) == 4]
    named = [port for port in pictures if not any(word in port.name.lower() for word in _LEVEL_NAMES)]
    most = max(pictures, key=lambda port: max(port.dims[1] or 0, port.dims[3] or 0), default=None)
    if most is None:
        shapes = ", ".join(str(len(port.dims)) for port in ports)
        raise ExportError(f"{path} has inputs of {shapes} dimensions: expected a picture, which has 4")
    return named[0] if len(named) == 1 else most


def _port(value: onnx.ValueInfoProto, path: Path) -> Port:
    kind = value.type.tensor_type
    if kind.elem_type not in _FLOATS:
        found = TensorProto.DataType.Name(kind.elem_type).lower()
        name = value.name.removeprefix(PREFIX)
        raise ExportError(f"{path}: '{name}' is {found}, expected float or float16 inputs and outputs")
    dims = tuple(d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else None for d in kind.shape.dim)
    return Port(value.name, dims, kind.elem_type == TensorProto.FLOAT16)


def _current(model: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    """The model in opset 17 or later, because the contract's own operators need it."""
    if _opset(model) >= OPSET:
        return model
    try:
        return version_converter.convert_version(model, OPSET)
    except Exception as error:  # raised by the C++ part of onnx
        said = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise ExportError(
            f"{path} has opset {_opset(model)}, which could not be brought to {OPSET} ({said}); export it again with "
            f"opset {OPSET}"
        ) from error


def _opset(model: onnx.ModelProto) -> int:
    return next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 1)


def float_values(model: onnx.ModelProto) -> Iterable[NDArray[Any]]:
    """The float constants of a graph that have more than one value."""
    tensors = list(model.graph.initializer)
    for node in model.graph.node:
        if node.op_type == "Constant":
            tensors += [a.t for a in node.attribute if a.name == "value"]
    for tensor in tensors:
        if tensor.data_type in (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT8):
            values = onnx.numpy_helper.to_array(tensor)
            if values.size > 1:
                yield values
