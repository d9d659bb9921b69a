"""Opens a CPU session for a graph in memory."""

from __future__ import annotations

import onnxruntime as ort

from nitido.errors import ExportError


def quiet_session(model: bytes, *, optimised: bool = True) -> ort.InferenceSession:
    """A CPU session for a model in memory, without ONNX Runtime's warnings on stderr. Raises ``ExportError``.

    optimised: whether ONNX Runtime may fuse operators.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 3  # it warns that "strength" is not a constant, which is its purpose
    if not optimised:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base but Exception
        raise ExportError(f"onnxruntime {ort.__version__} refuses the exported graph: {error}") from error
