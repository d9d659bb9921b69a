"""Collects the nodes and constants of an ONNX graph. ADR 2 says why graphs are written by hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

OPSET = 17
IR_VERSION = 8


class GraphWriter:
    """Each call adds to the graph and returns the name of its result. Callers choose the names."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self.quantized = False  # whether activations are quantized anywhere
        self._constants: dict[str, onnx.TensorProto] = {}
        self._is_inner = False

    def constant(self, name: str, value: Any, dtype: Any = None) -> str:
        """An initializer. The same name may be used again with the same value."""
        # A copy, because ascontiguousarray would make a scalar one-dimensional.
        tensor = numpy_helper.from_array(np.array(value, dtype=dtype, order="C"), name)
        known = self._constants.setdefault(name, tensor)
        if known.raw_data != tensor.raw_data or known.data_type != tensor.data_type:
            raise ValueError(f"two different constants are called '{name}'")
        return name

    def shape(self, name: str, *sizes: int) -> str:
        """An int64 vector, as shape operators take it."""
        return self.constant(name, sizes, np.int64)

    def op(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """A node with one output, named like it."""
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def input(self, name: str, dtype: int, dims: list[str | int]) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, dtype, dims))
        return name

    def output(self, name: str, dtype: int, dims: list[str | int]) -> str:
        self.outputs.append(helper.make_tensor_value_info(name, dtype, dims))
        return name

    def take_constants(self, graph: onnx.GraphProto) -> None:
        """Adds the initializers of another graph, whose names must not be in use here."""
        self._constants |= {tensor.name: tensor for tensor in graph.initializer}

    def inner(self) -> GraphWriter:
        """A writer for the body of a loop. Names are unique in both, and the constants are kept here."""
        body = GraphWriter()
        body._constants, body._is_inner = self._constants, True
        return body

    def graph(self, name: str = "nitido") -> onnx.GraphProto:
        """The graph alone."""
        constants = [] if self._is_inner else list(self._constants.values())
        return helper.make_graph(self.nodes, name, self.inputs, self.outputs, constants)

    def model(
        self, opsets: Iterable[onnx.OperatorSetIdProto] = (), functions: Iterable[onnx.FunctionProto] = ()
    ) -> onnx.ModelProto:
        """The checked model: one file, no external data, opset and IR old enough for the runtimes on boards.

        opsets, functions: of a graph from another source that is a part of this one; its opset is 17 or later.
        """
        opsets, functions = list(opsets), list(functions)
        model = helper.make_model(
            self.graph(),
            opset_imports=opsets or [helper.make_opsetid("", OPSET)],
            functions=functions,
            producer_name="nitido",
        )
        model.ir_version = (
            max(IR_VERSION, helper.find_min_ir_version_for(opsets, ignore_unknown=True)) if opsets else IR_VERSION
        )
        # Shapes are not inferred for graphs of other tools; ONNX Runtime checks them.
        onnx.checker.check_model(model, full_check=not opsets)
        return model
