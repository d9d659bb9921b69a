"""The noise level in the graph of an adopted model: given by the caller, or estimated as in the shipped denoisers."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto

from nitido.errors import ExportError, NitidoError
from nitido.model_file import zoo
from nitido_export.graph.levels import AUTOMATIC, ESTIMATE
from nitido_export.graph.writer import GraphWriter
from nitido_train.nets.estimator import HIGHEST, LOWEST

ESTIMATOR = "denoise-camera-n"  # the shipped model whose estimator is taken
_PREFIX = "estimator."


def write_level(w: GraphWriter, frame: str) -> str:
    """The noise level that the network gets, a float32 scalar: ``noise`` if it is 0 or more, else the estimate.

    Adds the optional scalar input ``noise`` and the tensor ``noise_level``, the estimate. Raises ``ExportError`` where
    the model with the estimator is not installed.
    """
    w.input(w.constant("noise", AUTOMATIC, np.float32), TensorProto.FLOAT, [])
    _write_estimate(w, frame)
    low, high = w.constant("level_lowest", LOWEST, np.float32), w.constant("level_highest", HIGHEST, np.float32)
    given = w.op("Clip", ["noise", low, high], "noise_given")
    is_automatic = w.op("Less", ["noise", w.constant("level_zero", 0.0, np.float32)], "noise_is_automatic")
    return w.op("Where", [is_automatic, ESTIMATE, given], "level_used")


def _write_estimate(w: GraphWriter, frame: str) -> None:
    """The nodes of the shipped model that lead from ``frame`` to ``noise_level``, one for one."""
    try:
        graph = onnx.load(str(zoo.find(ESTIMATOR))).graph
    except NitidoError as error:
        raise ExportError(f"a noise level is estimated as {ESTIMATOR} does, which is not installed: {error}") from error
    makers = {output: node for node in graph.node for output in node.output}
    wanted, needed = [ESTIMATE], set[str]()
    while wanted:
        maker = makers.get(wanted.pop())
        if maker is not None and maker.name not in needed:
            needed.add(maker.name)
            wanted += maker.input
    constants = {tensor.name: tensor for tensor in graph.initializer}
    kept = {frame, ESTIMATE, ""}
    for node in graph.node:
        if node.name not in needed:
            continue
        copied = onnx.NodeProto()
        copied.CopyFrom(node)
        copied.name = _PREFIX + node.name
        for names in (copied.input, copied.output):
            for position, name in enumerate(names):
                if name in constants:
                    w.constant(_PREFIX + name, onnx.numpy_helper.to_array(constants[name]))
                if name not in kept:
                    names[position] = _PREFIX + name
        w.nodes.append(copied)
