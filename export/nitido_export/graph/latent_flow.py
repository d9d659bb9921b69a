"""The second stage of a generator as plain operators, in both directions."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto
from torch import Tensor

from nitido_export.graph.writer import GraphWriter
from nitido_train.nets.latent_flow import STRETCH, Coupling, LatentFlow


def write_second_stage(w: GraphWriter, flow: LatentFlow, z: str, condition: list[str]) -> str:
    """Adds the optional scalar input ``prior`` and the outputs ``latent`` and ``normal``; returns ``latent``.

    With ``prior`` 0, the default, ``z`` is the latent and ``normal`` what the flow makes of it backwards. With 1 it is
    ``z`` that is standard normal, and ``latent`` what the flow makes of it. z: N×d. condition: N×K one-hot, or nothing.
    """
    w.input(w.constant("prior", 0.0, np.float32), TensorProto.FLOAT, [])
    is_normal = w.op("Greater", ["prior", w.constant("half", 0.5, np.float32)], "is_normal")
    w.op("Where", [is_normal, _forward(w, flow, z, condition), z], "latent")
    w.op("Where", [is_normal, z, _backward(w, flow, z, condition)], "normal")
    return "latent"


def declare_second_stage(w: GraphWriter, flow: LatentFlow) -> None:
    """The outputs ``latent`` and ``normal``, after the outputs that other graphs have too."""
    for name in ("latent", "normal"):
        w.output(name, TensorProto.FLOAT, ["N", flow.size])


def _forward(w: GraphWriter, flow: LatentFlow, x: str, condition: list[str]) -> str:
    for number, coupling in enumerate(flow.couplings):
        assert isinstance(coupling, Coupling)
        name = f"flow.{number}"
        log_scale, shift = _coupling(w, coupling, x, condition, name, "out")
        scale = w.op("Exp", [log_scale], f"{name}.out.scale")
        x = w.op("Add", [w.op("Mul", [x, scale], f"{name}.out.scaled"), shift], f"{name}.out")
    std, mean = _row(w, flow.std, "flow.std"), _row(w, flow.mean, "flow.mean")
    return w.op("Add", [w.op("Mul", [x, std], "flow.scaled"), mean], "flow.latent")


def _backward(w: GraphWriter, flow: LatentFlow, x: str, condition: list[str]) -> str:
    std, mean = _row(w, flow.std, "flow.std"), _row(w, flow.mean, "flow.mean")
    x = w.op("Div", [w.op("Sub", [x, mean], "flow.centred"), std], "flow.unscaled")
    for number, coupling in reversed(list(enumerate(flow.couplings))):
        assert isinstance(coupling, Coupling)
        name = f"flow.{number}"
        log_scale, shift = _coupling(w, coupling, x, condition, name, "back")
        scale = w.op("Exp", [log_scale], f"{name}.back.scale")
        x = w.op("Div", [w.op("Sub", [x, shift], f"{name}.back.shifted"), scale], f"{name}.back")
    return x


def _coupling(
    w: GraphWriter, coupling: Coupling, x: str, condition: list[str], name: str, way: str
) -> tuple[str, str]:
    """(log_scale, shift). The weights are stored once for both ways."""
    moved = _row(w, coupling.moved, f"{name}.moved")
    values = w.op("Mul", [x, _row(w, coupling.kept, f"{name}.kept")], f"{name}.{way}.given")
    if condition:
        values = w.op("Concat", [values, *condition], f"{name}.{way}.told", axis=1)
    for part in ("body.0", "body.2"):
        values = w.op("Relu", [_gemm(w, coupling, part, values, name, way)], f"{name}.{way}.{part}.relu")
    bounded = w.op("Tanh", [_gemm(w, coupling, "log_scale", values, name, way)], f"{name}.{way}.tanh")
    stretched = w.op("Mul", [bounded, w.constant("flow.stretch", STRETCH, np.float32)], f"{name}.{way}.stretched")
    shift = _gemm(w, coupling, "shift", values, name, way)
    return (
        w.op("Mul", [stretched, moved], f"{name}.{way}.log_scale.moved"),
        w.op("Mul", [shift, moved], f"{name}.{way}.shift.moved"),
    )


def _gemm(w: GraphWriter, coupling: Coupling, part: str, x: str, name: str, way: str) -> str:
    weights = dict(coupling.named_parameters())
    given = [w.constant(f"{name}.{part}.{kind}", _values(weights[f"{part}.{kind}"])) for kind in ("weight", "bias")]
    return w.op("Gemm", [x, *given], f"{name}.{way}.{part}", transB=1)


def _row(w: GraphWriter, values: Tensor, name: str) -> str:
    return w.constant(name, _values(values))


def _values(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy().astype(np.float32)
