"""The second stage of a generator as plain operators: a flow in both directions, or a mixture."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import TensorProto
from torch import Tensor

from nitido_export.graph.writer import GraphWriter
from nitido_train.nets.latent_flow import STRETCH, Coupling, LatentFlow
from nitido_train.nets.latent_mixture import LatentMixture

SecondStage = LatentFlow | LatentMixture


@torch.no_grad()
def stage_input(stage: SecondStage, latents: NDArray[np.float32], condition: Tensor | None = None) -> np.ndarray:
    """Numbers N×d that a second stage is proven with: what leads back to the latents N×d, or of a mixture any."""
    if isinstance(stage, LatentFlow):
        return stage.inverse(torch.from_numpy(latents), condition)[0].numpy()
    return np.random.default_rng(0).standard_normal(latents.shape, np.float32)


def write_second_stage(w: GraphWriter, stage: SecondStage, z: str, condition: list[str]) -> str:
    """Adds the optional scalar input ``prior`` and the outputs ``latent`` and, of a flow, ``normal``; returns the
    first.

    With ``prior`` 0, the default, ``z`` is the latent, and ``normal`` is the result of the inverse flow. With 1, ``z``
    is standard normal, and ``latent`` is the result of the flow. z: N×d. condition: N×K one-hot, or nothing.
    """
    w.input(w.constant("prior", 0.0, np.float32), TensorProto.FLOAT, [])
    is_normal = w.op("Greater", ["prior", w.constant("half", 0.5, np.float32)], "is_normal")
    if isinstance(stage, LatentMixture):
        return w.op("Where", [is_normal, _mixture(w, stage, z), z], "latent")
    w.op("Where", [is_normal, _forward(w, stage, z, condition), z], "latent")
    w.op("Where", [is_normal, z, _backward(w, stage, z, condition)], "normal")
    return "latent"


def declare_second_stage(w: GraphWriter, stage: SecondStage) -> None:
    """Adds the outputs ``latent`` and, for a flow, ``normal`` after those that all graphs have."""
    for name in ("latent",) if isinstance(stage, LatentMixture) else ("latent", "normal"):
        w.output(name, TensorProto.FLOAT, ["N", stage.size])


def _mixture(w: GraphWriter, mixture: LatentMixture, z: str) -> str:
    first = w.op("Slice", [z, w.shape("mix.start", 0), w.shape("mix.end", 1), w.shape("mix.axis", 1)], "mix.first")
    scaled = w.op("Mul", [first, w.constant("mix.root", math.sqrt(0.5), np.float32)], "mix.scaled")
    one = w.constant("mix.one", 1.0, np.float32)
    doubled = w.op("Add", [w.op("Erf", [scaled], "mix.erf"), one], "mix.doubled")
    above = w.constant("mix.above", 2 * _values(mixture.above))
    passed = w.op("Cast", [w.op("Greater", [doubled, above], "mix.passed")], "mix.ones", to=TensorProto.FLOAT)
    count = w.op("ReduceSum", [passed, w.shape("mix.axis", 1)], "mix.count", keepdims=0)
    number = w.op("Max", [w.op("Sub", [count, one], "mix.last"), w.constant("mix.none", 0.0, np.float32)], "mix.number")
    chosen = w.op("Cast", [number], "mix.chosen", to=TensorProto.INT64)
    rows: list[str] = []
    for name, values in (("means", mixture.means), ("deviations", mixture.deviations)):
        table = w.constant(f"mix.{name}", _values(values).astype(np.float16))  # half as large
        row = w.op("Gather", [table, chosen], f"mix.{name}.chosen", axis=0)
        rows.append(w.op("Cast", [row], f"mix.{name}.row", to=TensorProto.FLOAT))
    own = np.ones(mixture.size, np.float32)
    own[0] = 0
    spread = w.op("Mul", [w.op("Mul", [z, w.constant("mix.own", own)], "mix.free"), rows[1]], "mix.spread")
    return w.op("Add", [spread, rows[0]], "mix.latent")


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


def _coupling(w: GraphWriter, coupling: Coupling, x: str, condition: list[str], name: str, way: str) -> tuple[str, str]:
    """(log_scale, shift). The weights are stored once for both directions."""
    moved = _row(w, coupling.moved, f"{name}.moved")
    values = w.op("Mul", [x, _row(w, coupling.kept, f"{name}.kept")], f"{name}.{way}.given")
    if condition:
        values = w.op("Concat", [values, *condition], f"{name}.{way}.conditioned", axis=1)
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
