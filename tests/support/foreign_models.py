"""Models as other tools export them: the shipped networks behind other conventions, and small ones of typical forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from support.paths import ROOT

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class Form:
    """How a model takes pictures. sizes: of height and width; ``None``: free."""

    layout: str = "nchw"
    colour: str = "rgb"
    range: str = "0..1"
    sizes: tuple[int, int] | None = None
    half: bool = False
    opset: int = 17


_RANGES = {"0..1": (255.0, 0.0), "0..255": (1.0, 0.0), "-1..1": (127.5, 127.5)}  # to 8-bit levels


def write_foreign(path: Path, checkpoint: str, form: Form, *, level: str | None = None) -> Path:
    """A shipped network as a float model of another form. checkpoint: such as ``upscale-x2-n``. level: ``map``,
    ``scalar`` or ``channel``: it takes the noise level of white noise, in the range of its pictures."""
    from nitido_export.graph.layers import write_layers
    from nitido_export.graph.writer import GraphWriter
    from nitido_train.checkpoint import load_checkpoint
    from nitido_train.nets.blocks import collapse
    from onnx import TensorProto, numpy_helper

    net = load_checkpoint(ROOT / "models" / "checkpoints" / f"{checkpoint}.pt").frame_net().eval()
    w = GraphWriter()
    kind = TensorProto.FLOAT16 if form.half else TensorProto.FLOAT
    height, width = form.sizes or ("h", "w")
    depth = 4 if level == "channel" else 3
    free = form.sizes is None
    batch: Any = "n" if free else 1
    dims = [batch, depth, height, width] if form.layout == "nchw" else [batch, height, width, depth]
    x = w.input("input", kind, dims)
    if level == "map":
        w.input("sigma", kind, [batch, 1, "mh", "mw"])
    elif level == "scalar":
        w.input("sigma", kind, [batch, 1, 1, 1])
    if form.half:
        x = w.op("Cast", [x], "input_float", to=TensorProto.FLOAT)
    if form.layout == "nhwc":
        x = w.op("Transpose", [x], "input_planes", perm=[0, 3, 1, 2])
    factor, offset = _RANGES[form.range]
    sigma = "sigma"
    if level == "channel":
        sigma = w.op("Slice", [x, w.shape("s3", 3), w.shape("s4", 4), w.shape("s1", 1)], "sigma_channel")
        x = w.op("Slice", [x, w.shape("s0", 0), w.shape("s3", 3), w.shape("s1", 1)], "colours")
    levels = w.op("Add", [w.op("Mul", [x, w.constant("f", factor, np.float32)], "mul"), w.constant("o", offset, np.float32)], "eight")
    if form.colour == "rgb":
        levels = w.op("Gather", [levels, w.shape("swap", 2, 1, 0)], "bgr", axis=1)
    seen = w.op("Sub", [w.op("Mul", [levels, w.constant("l", 1 / 255, np.float32)], "unit"), w.constant("z", 128 / 255, np.float32)], "seen")
    cells = w.op("SpaceToDepth", [seen], "cells", blocksize=net.cell) if net.cell > 1 else seen
    given = [cells]
    if level:
        if form.half and level != "channel":
            sigma = w.op("Cast", [sigma], "sigma_float", to=TensorProto.FLOAT)
        one = w.op("ReduceMean", [sigma], "sigma_one", keepdims=0)
        luma = w.op("Mul", [one, w.constant("white", factor * 0.66872, np.float32)], "luma_level")
        low, high = w.constant("lo", 0.5, np.float32), w.constant("hi", 60.0, np.float32)
        from nitido_export.graph.levels import write_condition

        given.append(write_condition(w, w.op("Clip", [luma, low, high], "luma_level_in")))
    (correction,) = write_layers(w, collapse(net.body), given)
    if net.scale > 1:
        cells = w.op("Gather", [cells, w.constant("anchor", net.anchor.numpy())], "anchored", axis=1)
    result = w.op("Add", [cells, correction], "sum")
    if net.cell * net.scale > 1:
        result = w.op("DepthToSpace", [result], "fine", blocksize=net.cell * net.scale, mode="DCR")
    result = w.op("Mul", [w.op("Add", [result, "z"], "back"), w.constant("h255", 255.0, np.float32)], "levels_out")
    if form.colour == "rgb":
        result = w.op("Gather", [result, "swap"], "rgb_out", axis=1)
    result = w.op("Div", [w.op("Sub", [result, "o"], "off"), "f"], "ranged")
    if form.layout == "nhwc":
        result = w.op("Transpose", [result], "last", perm=[0, 2, 3, 1])
    if form.half:
        result = w.op("Cast", [result], "halved", to=TensorProto.FLOAT16)
    w.op("Identity", [result], "output")
    w.output("output", kind, [None] * 4)
    model = w.model()
    del numpy_helper
    save(model, path)
    return path


def save(model: onnx.ModelProto, path: Path) -> None:
    path.write_bytes(model.SerializeToString())


def shapes(*sizes: int) -> Sequence[int]:
    return sizes
