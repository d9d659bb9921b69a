"""Decoders whose pictures show what z is: a soft bump that lies where z says, wide and coloured as it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from support.latent_models import graph_writer, write

SIDE = 28
STEPS = 16
LOWEST = 60  # MIDI pitch of the lowest note of melodies


def write_bump_decoder(path: Path, size: int = 2, *, labels: tuple[str, ...] = (), prior: str = "normal") -> Path:
    """A decoder ``path`` (``NAME.decoder.onnx``) of ``size`` >= 2 numbers: z0 and z1 are where the bump lies, three
    units from the middle being the border; z2 how wide it is, z3, z4, z5 how blue, green and red. A class makes it
    wider. Without a normal prior the latents are around 10."""
    place, width, colour = ["x", "y"], ["width"], ["b", "g", "r"]
    terms = place + width + colour
    weights = np.zeros((size, len(terms)), np.float32)
    for axis, share in enumerate([4.6, -4.6, 0.35, 0.2, 0.2, 0.2][:size]):
        weights[axis, axis] = share
    bias = np.array([SIDE / 2, SIDE / 2, 1.0, 0.8, 0.9, 1.0], np.float32)
    mean = 0.0 if prior == "normal" else 10.0
    w = graph_writer()
    from onnx import TensorProto

    z = w.input("z", TensorProto.FLOAT, ["N", size])
    centred = w.op("Sub", [z, w.constant("mean", mean, np.float32)], "centred")
    values = w.op("Gemm", [centred, w.constant("weights", weights), w.constant("bias", bias)], "values")
    if labels:
        classes = np.zeros((len(labels), len(terms)), np.float32)
        classes[:, 2] = np.arange(len(labels)) * 0.2
        label = w.input("label", TensorProto.INT64, ["N"])
        values = w.op("Add", [values, w.op("Gather", [w.constant("classes", classes), label], "told")], "values_told")
    around = w.shape("cell", -1, 1, 1, 1)
    x, y, wide, *_ = (
        w.op("Reshape", [w.op("Gather", [values, w.shape(f"at_{i}", i)], name, axis=1), around], f"{name}_cell")
        for i, name in enumerate(terms)
    )
    ramp = np.arange(SIDE, dtype=np.float32) + 0.5
    far = [
        w.op("Sub", [w.constant("columns", ramp.reshape(1, 1, SIDE, 1)), x], "far_x"),
        w.op("Sub", [w.constant("rows", ramp.reshape(1, SIDE, 1, 1)), y], "far_y"),
    ]
    squares = [w.op("Mul", [side, side], f"{side}_square") for side in far]
    spread = w.op("Mul", [w.op("Exp", [wide], "spread"), w.constant("unit", -12.0, np.float32)], "minus_spread")
    bump = w.op("Exp", [w.op("Div", [w.op("Add", squares, "square"), spread], "fall")], "bump")  # N H W 1
    tint = w.op(
        "Reshape",
        [w.op("Gather", [values, w.shape("tints", 3, 4, 5)], "tint", axis=1), w.shape("row", -1, 1, 1, 3)],
        "tints_cell",
    )
    limits = [w.constant("black", 0.0, np.float32), w.constant("white", 255.0, np.float32)]
    scaled = w.op("Mul", [w.op("Mul", [bump, tint], "coloured"), limits[1]], "levels")
    w.op("Cast", [w.op("Clip", [scaled, *limits], "clipped")], "image", to=TensorProto.UINT8)
    w.output("image", TensorProto.UINT8, ["N", SIDE, SIDE, 3])
    kind = "cvae" if labels else "vae" if prior == "normal" else "autoencoder"
    latent = {"kind": kind, "medium": "picture", "size": size, "height": SIDE, "width": SIDE, "channels": 3}
    latent |= {"labels": list(labels), "mean": [mean] * size, "std": [1.0] * size, "prior": prior}
    write(w.model(), path, "decode", latent)
    return path


def write_tune_decoder(path: Path) -> Path:
    """A decoder of melodies of two numbers: every beat begins a note that is held, z0 is how steeply they rise, z1
    where they lie around the octave above ``LOWEST``; the last beat rests."""
    w = graph_writer()
    from onnx import TensorProto

    z = w.input("z", TensorProto.FLOAT, ["N", 2])
    weights = np.array([[-1, 0, 1], [4, 4, 4]], np.float32)
    pitch = w.op("Gemm", [z, w.constant("weights", weights), w.constant("middle", np.full(3, 14, np.float32))], "pitch")
    codes = w.op("Pad", [pitch, w.shape("one_more", 0, 0, 0, 1), w.constant("hold", 1.0, np.float32)], "codes")
    order = w.constant("order", [0, 3, 3, 3, 1, 3, 3, 3, 2, 3, 3, 3], np.int64)
    played = w.op("Gather", [w.op("Round", [codes], "whole"), order], "played", axis=1)
    full = w.op("Pad", [played, w.shape("a_beat_more", 0, 0, 0, 4)], "full")
    w.op("Cast", [full], "notes", to=TensorProto.UINT8)
    w.output("notes", TensorProto.UINT8, ["N", STEPS])
    latent = {
        "kind": "vae",
        "medium": "melody",
        "size": 2,
        "steps": STEPS,
        "steps_per_beat": 4,
        "lowest": LOWEST,
        "pitches": 27,
    }
    latent |= {"labels": [], "mean": [0.0, 0.0], "std": [1.0, 1.0], "prior": "normal"}
    write(w.model(), path, "decode", latent)
    return path
