"""Models as other tools export them: the shipped networks behind the conventions of others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from support.paths import ROOT

if TYPE_CHECKING:
    from nitido_export.graph.writer import GraphWriter

WHITE_LUMA = 0.66872  # luma noise of white noise of standard deviation 1 in all channels
_RANGES = {"0..1": (255.0, 0.0), "0..255": (1.0, 0.0), "-1..1": (127.5, 127.5)}  # to 8-bit levels


@dataclass(frozen=True)
class Form:
    """How a model takes pictures. size: (height, width) that the file promises; ``None``: free. level: its input for
    the standard deviation of white noise, in the range of the pictures: ``map``, ``scalar`` or ``channel``."""

    layout: str = "nchw"
    colour: str = "rgb"
    range: str = "0..1"
    size: tuple[int, int] | None = None
    half: bool = False
    level: str = ""


def write_foreign(path: Path, checkpoint: str, form: Form) -> Path:
    """A shipped network, such as ``upscale-x2-n``, as a float model of another form."""
    from onnx import TensorProto

    from nitido_export.graph.layers import write_layers
    from nitido_export.graph.writer import GraphWriter
    from nitido_train.checkpoint import load_checkpoint
    from nitido_train.nets.blocks import collapse

    net = load_checkpoint(ROOT / "models" / "checkpoints" / f"{checkpoint}.pt").frame_net().eval()
    w = GraphWriter()
    kind = TensorProto.FLOAT16 if form.half else TensorProto.FLOAT
    pixels, sigma = _inputs(w, form, kind)
    factor, offset = (w.constant(n, v, np.float32) for n, v in zip(("f", "o"), _RANGES[form.range], strict=True))
    levels = w.op("Add", [w.op("Mul", [pixels, factor], "times"), offset], "levels")
    if form.colour == "rgb":
        levels = w.op("Gather", [levels, w.shape("swap", 2, 1, 0)], "bgr", axis=1)
    byte, middle = w.constant("byte", 255.0, np.float32), w.constant("middle", 128 / 255, np.float32)
    cells = w.op("Sub", [w.op("Div", [levels, byte], "unit"), middle], "seen")
    if net.cell > 1:
        cells = w.op("SpaceToDepth", [cells], "cells", blocksize=net.cell)
    given = [cells, *([_condition(w, sigma, _RANGES[form.range][0])] if form.level else [])]
    (correction,) = write_layers(w, collapse(net.body), given)
    if net.scale > 1:
        cells = w.op("Gather", [cells, w.constant("anchor", net.anchor.numpy())], "anchored", axis=1)
    result = w.op("Add", [cells, correction], "sum")
    result = w.op("DepthToSpace", [result], "fine", blocksize=net.cell * net.scale, mode="DCR")
    result = w.op("Mul", [w.op("Add", [result, middle], "back"), byte], "levels_out")
    if form.colour == "rgb":
        result = w.op("Gather", [result, w.shape("swap", 2, 1, 0)], "rgb_out", axis=1)
    result = w.op("Div", [w.op("Sub", [result, offset], "off"), factor], "ranged")
    if form.layout == "nhwc":
        result = w.op("Transpose", [result], "last", perm=[0, 2, 3, 1])
    w.op("Cast", [result], "output", to=kind)
    w.output("output", kind, ["a", "b", "c", "d"])
    path.write_bytes(w.model().SerializeToString())
    return path


def _inputs(w: GraphWriter, form: Form, kind: int) -> tuple[str, str]:
    """(the picture N×3×H×W, the noise level) in float32."""
    from onnx import TensorProto

    batch: Any = 1 if form.size else "n"
    height, width = form.size or ("h", "w")
    depth = 4 if form.level == "channel" else 3
    dims = [batch, depth, height, width] if form.layout == "nchw" else [batch, height, width, depth]
    pixels = w.op("Cast", [w.input("input", kind, dims)], "pixels", to=TensorProto.FLOAT)
    if form.layout == "nhwc":
        pixels = w.op("Transpose", [pixels], "planes", perm=[0, 3, 1, 2])
    if form.level == "channel":
        ends = [w.shape(f"end_{n}", n) for n in (0, 3, 4)]
        sigma = w.op("Slice", [pixels, ends[1], ends[2], w.shape("channels", 1)], "last_channel")
        return w.op("Slice", [pixels, ends[0], ends[1], w.shape("channels", 1)], "colours"), sigma
    if form.level:
        sides: list[str | int] = ["mh", "mw"] if form.level == "map" else [1, 1]
        return pixels, w.op("Cast", [w.input("sigma", kind, [batch, 1, *sides])], "sigma_float", to=TensorProto.FLOAT)
    return pixels, ""


def _condition(w: GraphWriter, sigma: str, factor: float) -> str:
    from nitido_export.graph.levels import write_condition

    one = w.op("ReduceMean", [sigma], "sigma_one", keepdims=0)
    luma = w.op("Mul", [one, w.constant("white", factor * WHITE_LUMA, np.float32)], "luma_level")
    ends = [w.constant("lowest", 0.5, np.float32), w.constant("highest", 60.0, np.float32)]
    return write_condition(w, w.op("Clip", [luma, *ends], "luma_level_in"))
