"""Latent models small enough to know by heart: two numbers, each the brightness of one half of a picture.

What goes through them can be worked out with pen and paper: a picture whose left half has the level L and whose right
half has R becomes z = ((L - 128) / 40, (R - 128) / 40), and z becomes that picture again.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from nitido.latent.space import LatentSpace
from nitido.model_file.card import CONTRACT, Card

if TYPE_CHECKING:
    import onnx

    from nitido_export.graph.writer import GraphWriter
    from nitido_train.nets.latent import LatentNet

HEIGHT, WIDTH = 8, 8
UNIT = 40  # levels of brightness that one step of z makes
LOG_VAR = -2.0
STEPS = 6


def halves(left: int, right: int, height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    """A grey picture of two levels, uint8 H×W×3."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[:, : width // 2], picture[:, width // 2 :] = left, right
    return picture


def z_of(left: int, right: int) -> NDArray[np.float32]:
    """What an encoder of :func:`write_latent_model` makes of it."""
    return np.array([(left - 128) / UNIT, (right - 128) / UNIT], np.float32)


# Pictures of two levels, in the order in which files are found: a folder's own first.
LEVELS = {"a.png": (10, 20), "z.png": (128, 128), "sub/b.png": (200, 40), "sub/c.png": (60, 220)}
LEVELS_Z = np.array([z_of(*levels) for levels in LEVELS.values()])


def write_pictures(folder: Path) -> Path:
    """Files with the pictures of ``LEVELS``, larger than the model's."""
    for name, (left, right) in LEVELS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), halves(left, right, 24, 24))
    return folder


def latent_space(
    size: int = 2, prior: str = "normal", labels: tuple[str, ...] = (), **more: list[float]
) -> LatentSpace:
    """The space of a model for pictures. more: ``mean`` and ``std`` of the latents, default 0 and 1."""
    mean, std = more.get("mean", [0.0] * size), more.get("std", [1.0] * size)
    return LatentSpace(
        "s", "vae", "picture", size, np.array(mean, np.float32), np.array(std, np.float32), prior, 8, 8, labels=labels
    )


def graph_writer() -> GraphWriter:
    """An empty graph. Skips the test where onnx is not installed, as on a device that has the runtime only."""
    pytest.importorskip("onnx")
    from nitido_export.graph.writer import GraphWriter

    return GraphWriter()


def write_latent_model(
    folder: Path,
    name: str = "tiny",
    kind: str = "vae",
    *,
    labels: tuple[str, ...] = (),
    mean: tuple[float, float] = (0.0, 0.0),
    std: tuple[float, float] = (1.0, 1.0),
) -> Path:
    """``name.encoder.onnx`` and ``name.decoder.onnx`` in the folder; returns ``folder/name``, as a model is asked for.

    labels: of a ``cvae``, which makes pictures of class i brighter by i units and expects them so. mean, std: what the
    card says of the training set.
    """
    latent = {
        "kind": kind,
        "medium": "picture",
        "size": 2,
        "height": HEIGHT,
        "width": WIDTH,
        "channels": 1,
        "labels": list(labels),
        "mean": list(mean),
        "std": list(std),
        "prior": "normal" if kind in ("vae", "cvae", "aae") else "none",
    }
    write(_halves_encoder(kind), folder / f"{name}.encoder.onnx", "encode", latent)
    write(_halves_decoder(kind), folder / f"{name}.decoder.onnx", "decode", latent)
    return folder / name


def write_latent_net(folder: Path, net: LatentNet, name: str = "net") -> Path:
    """The same for a network, by the graphs that an export writes."""
    from nitido_export.graph.latents import decoder_graph, encoder_graph

    latent = {"kind": net.kind, "medium": "picture", "size": net.latent, "height": net.height, "width": net.width}
    latent |= {"channels": net.channels, "labels": net.labels, "prior": "normal"}
    latent |= {"mean": [0.0] * net.latent, "std": [1.0] * net.latent}
    write(encoder_graph(net), folder / f"{name}.encoder.onnx", "encode", latent)
    write(decoder_graph(net), folder / f"{name}.decoder.onnx", "decode", latent)
    return folder / name


def write_melody_model(folder: Path, name: str = "tune") -> Path:
    """Melodies of six notes: z is the first and the last note, code 20 being 0, and makes three of each."""
    latent = {"kind": "vae", "medium": "melody", "size": 2, "steps": STEPS, "steps_per_beat": 2, "lowest": 30}
    latent |= {"labels": [], "mean": [0.0, 0.0], "std": [1.0, 1.0], "prior": "normal"}
    w = graph_writer()
    from onnx import TensorProto

    notes = w.op("Cast", [w.input("notes", TensorProto.UINT8, ["N", STEPS])], "levels", to=TensorProto.FLOAT)
    ends = w.op("Gather", [notes, w.constant("ends", [0, STEPS - 1], np.int64)], "both", axis=1)
    w.op("Sub", [ends, w.constant("middle", 20.0, np.float32)], "z_mean")
    w.op("Mul", ["z_mean", w.constant("nothing", 0.0, np.float32)], "z_log_var")
    for output in ("z_mean", "z_log_var"):
        w.output(output, TensorProto.FLOAT, ["N", 2])
    write(w.model(), folder / f"{name}.encoder.onnx", "encode", latent)
    w = graph_writer()
    z = w.op("Add", [w.input("z", TensorProto.FLOAT, ["N", 2]), w.constant("middle", 20.0, np.float32)], "pitch")
    rounded = w.op("Cast", [w.op("Round", [z], "whole")], "note", to=TensorProto.UINT8)
    w.op("Gather", [rounded, w.constant("places", [0, 0, 0, 1, 1, 1], np.int64)], "notes", axis=1)
    w.output("notes", TensorProto.UINT8, ["N", STEPS])
    write(w.model(), folder / f"{name}.decoder.onnx", "decode", latent)
    return folder / name


def write(graph: onnx.ModelProto, path: Path, task: str, latent: dict[str, Any]) -> None:
    """A graph as a model file with a card."""
    import onnx

    path.parent.mkdir(exist_ok=True)
    card = Card(CONTRACT, path.stem, task, "for tests", 1, 1, 0, "bgr", 1, 1.0, 17, 8, "1.17", "none", latent=latent)
    for key, value in card.to_metadata().items():
        entry = graph.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.checker.check_model(graph, full_check=True)
    path.write_bytes(graph.SerializeToString())


def write_index(folder: Path, *names: str, default: str = "") -> None:
    """An index of encoders and decoders in the folder, as an export writes it."""
    rows = []
    for name in names:
        for part, task in (("encoder", "encode"), ("decoder", "decode")):
            file = folder / f"{name}.{part}.onnx"
            row = {"name": f"{name}.{part}", "file": file.name, "task": task, "scale": 1, "summary": "for tests"}
            rows.append(row | {"sha256": sha256(file.read_bytes()).hexdigest(), "default": name == default})
    (folder / "index.json").write_text(json.dumps({"models": rows}))


def _halves_encoder(kind: str) -> onnx.ModelProto:
    w = graph_writer()
    from onnx import TensorProto

    frame = w.input("frame", TensorProto.UINT8, ["N", HEIGHT, WIDTH, 3])
    flat = w.op("Flatten", [w.op("Cast", [frame], "levels", to=TensorProto.FLOAT)], "flat")
    left = halves(1, 0).reshape(-1)
    weights = w.constant("weights", np.stack([left, 1 - left], axis=1) / (left.sum() * UNIT), np.float32)
    z = w.op(
        "Sub", [w.op("MatMul", [flat, weights], "brightness"), w.constant("middle", 128 / UNIT, np.float32)], "where"
    )
    if kind == "cvae":
        z = w.op("Sub", [z, _number_of_label(w)], "less_label")
    variational = kind in ("vae", "cvae")
    w.op("Identity", [z], "z_mean" if variational else "z")
    w.output("z_mean" if variational else "z", TensorProto.FLOAT, ["N", 2])
    if variational:
        nothing = w.op("Mul", [z, w.constant("nothing", 0.0, np.float32)], "zeros")
        w.op("Add", [nothing, w.constant("log_var", LOG_VAR, np.float32)], "z_log_var")
        w.output("z_log_var", TensorProto.FLOAT, ["N", 2])
    return w.model()


def _halves_decoder(kind: str) -> onnx.ModelProto:
    w = graph_writer()
    from onnx import TensorProto

    z = w.input("z", TensorProto.FLOAT, ["N", 2])
    if kind == "cvae":
        z = w.op("Add", [z, _number_of_label(w)], "with_label")
    left = halves(1, 0).reshape(-1)
    flat = w.op("MatMul", [z, w.constant("weights", np.stack([left, 1 - left]), np.float32)], "units")
    unit, middle = w.constant("unit", 1 / UNIT, np.float32), w.constant("middle", 128, np.uint8)
    bytes_ = w.op("QuantizeLinear", [flat, unit, middle], "bytes")
    w.op("Reshape", [bytes_, w.shape("shape", 0, HEIGHT, WIDTH, 3)], "image")
    w.output("image", TensorProto.UINT8, ["N", HEIGHT, WIDTH, 3])
    return w.model()


def _number_of_label(w: GraphWriter) -> str:
    """The input ``label`` int64 N as float32 N×1."""
    from onnx import TensorProto

    label = w.input("label", TensorProto.INT64, ["N"])
    return w.op("Cast", [w.op("Unsqueeze", [label, w.shape("last", 1)], "column")], "number", to=TensorProto.FLOAT)
