"""A recurrent model of few operators, whose results can be worked out by hand: it averages the frames it sees."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

from nitido.model_file.card import CONTRACT, Card
from nitido.model_file.states import StateSpec

MULTIPLE = 8
MOST = 7 / 8
PICTURE = StateSpec("picture", 3, 1, "linear")
WEIGHT = StateSpec("weight", 1, 2, "linear")


def write_averaging_model(
    path: Path, *, noise: bool = False, states: tuple[StateSpec, ...] = (PICTURE, WEIGHT)
) -> Path:
    """A model that returns weight · past + (1 - weight) · frame. The weight is 0 for the first frame, then 1/2, 3/4,
    7/8, 7/8, ….

    noise: it takes the input ``noise``, which changes nothing, and returns ``noise_level``: 8-bit levels of mean
    difference between neighbours.
    states: what the card says of them.
    """
    from onnx import TensorProto

    from nitido_export.graph.writer import GraphWriter

    w = GraphWriter()
    frame = w.input("frame", TensorProto.UINT8, ["N", "H", "W", 3])
    size = w.op("Shape", [frame], "size", start=1, end=3)
    whole = w.shape("multiple", MULTIPLE, MULTIPLE)
    missing = w.op("Mod", [w.op("Sub", [whole, w.op("Mod", [size, whole], "over")], "short"), whole], "missing")
    pads = w.op("Concat", [w.shape("none", 0, 0, 0, 0, 0), missing, w.shape("no", 0)], "pads", axis=0)
    padded = w.op("Transpose", [w.op("Pad", [frame, pads], "padded", mode="edge")], "planes", perm=[0, 3, 1, 2])
    level = [w.constant("level", 1 / 255, np.float32), w.constant("middle", 128, np.uint8)]
    now = w.op("DequantizeLinear", [padded, *level], "now")

    past = w.input(PICTURE.taken, TensorProto.FLOAT, ["N", 3, "picture_h", "picture_w"])
    weight = w.input(WEIGHT.taken, TensorProto.FLOAT, ["N", 1, "weight_h", "weight_w"])
    fine = w.op("Resize", [weight, "", w.constant("twice", [1, 1, 2, 2], np.float32)], "fine", mode="nearest")
    change = w.op("Mul", [fine, w.op("Sub", [past, now], "away")], "change")
    w.op("Add", [now, change], PICTURE.given)
    half = w.constant("half", 0.5, np.float32)
    more = w.op("Add", [w.op("Mul", [weight, half], "halved"), half], "more")
    w.op("Min", [more, w.constant("most", MOST, np.float32)], WEIGHT.given)
    w.output(PICTURE.given, TensorProto.FLOAT, ["N", 3, "picture_out_h", "picture_out_w"])
    w.output(WEIGHT.given, TensorProto.FLOAT, ["N", 1, "weight_out_h", "weight_out_w"])

    bytes_ = w.op("QuantizeLinear", [PICTURE.given, *level], "bytes")
    frames = w.op("Transpose", [bytes_], "frames", perm=[0, 2, 3, 1])
    w.op("Slice", [frames, w.shape("start", 0, 0), size, w.shape("axes", 1, 2)], "image")
    w.output("image", TensorProto.UINT8, ["N", "H", "W", 3])
    if noise:
        w.input(w.constant("noise", -1.0, np.float32), TensorProto.FLOAT, [])
        pair = [w.op("Slice", [now, w.shape(f"from_{n}", a), w.shape(f"to_{n}", b), w.shape("last", 3)], f"side_{n}")
                for n, (a, b) in enumerate([(0, -1), (1, 2**31)])]  # fmt: skip
        gap = w.op("Abs", [w.op("Sub", pair, "gaps")], "gap")
        levels = w.op(
            "Mul", [w.op("ReduceMean", [gap], "mean", keepdims=0), w.constant("steps", 255, np.float32)], "found"
        )
        w.op("Add", [levels, w.op("Mul", ["noise", w.constant("nothing", 0.0, np.float32)], "ignored")], "noise_level")
        w.output("noise_level", TensorProto.FLOAT, [])
    model = w.model()
    card = Card(
        CONTRACT, path.stem, "denoise", "for tests", 1, MULTIPLE, 0, "bgr", 1, 1.0, 17, 8, "1.17", "none",
        states=[asdict(state) for state in states],
    )  # fmt: skip
    for key, value in card.to_metadata().items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    path.write_bytes(model.SerializeToString())
    return path
