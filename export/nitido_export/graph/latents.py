"""The graphs of an autoencoder: raw frames in, latents out, and back."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto

from nitido_export.graph.layers import write_layers
from nitido_export.graph.pixels import LEVEL, dequantize
from nitido_export.graph.second_stage import SecondStage, declare_second_stage, write_second_stage
from nitido_export.graph.writer import GraphWriter
from nitido_train.nets.blocks import collapse
from nitido_train.nets.latent import LatentNet

LUMA = (0.114, 0.587, 0.299)  # of B, G, R: ITU-R BT.601, as OpenCV's conversion to grey


def encoder_graph(net: LatentNet) -> onnx.ModelProto:
    """``frame`` uint8 N×H×W×3 BGR → ``z`` float32 N×d, or ``z_mean`` and ``z_log_var`` of a variational net.

    H and W are those of the net; the caller chooses how to bring other frames to that size. A net for grey pictures
    takes the luma. A conditional net also has an input ``label`` int64 N, the number of the class.
    """
    w = GraphWriter()
    condition = _write_condition(w, net)
    latents = _write_encoder(w, net, condition)
    names = ["z"] if len(latents) == 1 else ["z_mean", "z_log_var"]
    for found, name in zip(latents, names, strict=True):
        w.op("Identity", [found], name)
        w.output(name, TensorProto.FLOAT, ["N", net.latent])
    return w.model()


def decoder_graph(net: LatentNet, stage: SecondStage | None = None) -> onnx.ModelProto:
    """``z`` float32 N×d (and for a conditional net ``label`` int64 N) → ``image`` uint8 N×H×W×3 BGR; a net for grey
    pictures repeats its one channel. stage: the second stage, see :func:`write_second_stage`."""
    w = GraphWriter()
    z = w.input("z", TensorProto.FLOAT, ["N", net.latent])
    condition = _write_condition(w, net)
    if stage is not None:
        z = write_second_stage(w, stage, z, condition)
    _write_decoder(w, net, z, condition)
    if stage is not None:
        declare_second_stage(w, stage)
    return w.model()


def reconstruction_graph(net: LatentNet) -> onnx.ModelProto:
    """``frame`` uint8 N×H×W×3 BGR (and ``label``) → ``image``, the same picture through the latent space; a variational
    net uses the mean."""
    w = GraphWriter()
    condition = _write_condition(w, net)
    _write_decoder(w, net, _write_encoder(w, net, condition)[0], condition)
    return w.model()


def _write_encoder(w: GraphWriter, net: LatentNet, condition: list[str]) -> list[str]:
    frame = w.input("frame", TensorProto.UINT8, ["N", net.height, net.width, 3])
    planes = w.op("Transpose", [frame], "planes", perm=[0, 3, 1, 2])
    levels = dequantize(w, planes, "levels")
    if net.channels == 1:
        weights = np.array(LUMA, np.float32).reshape(1, 3, 1, 1)
        levels = w.op("Conv", [levels, w.constant("luma", weights), w.constant("no_bias", [0.0], np.float32)], "grey")
    return write_layers(w, collapse(net.encoder), [levels, *condition], prefix="encoder.")


def _write_decoder(w: GraphWriter, net: LatentNet, z: str, condition: list[str]) -> None:
    (logits,) = write_layers(w, collapse(net.decoder), [z, *condition], prefix="decoder.")
    picture = w.op("Sigmoid", [logits], "picture")
    # The decoder's values start at 0, while networks for frames have their zero in the middle.
    scale = [w.constant("level", LEVEL, np.float32), w.constant("black", 0, np.uint8)]
    bytes_ = w.op("QuantizeLinear", [picture, *scale], "bytes")
    pixels = w.op("Transpose", [bytes_], "pixels", perm=[0, 2, 3, 1])
    if net.channels == 1:
        w.op("Concat", [pixels] * 3, "image", axis=3)
    else:
        w.op("Identity", [pixels], "image")
    w.output("image", TensorProto.UINT8, ["N", net.height, net.width, 3])


def _write_condition(w: GraphWriter, net: LatentNet) -> list[str]:
    """The one-hot form of an input ``label``, if the net takes one."""
    if net.kind != "cvae":
        return []
    label = w.input("label", TensorProto.INT64, ["N"])
    rows = w.constant("classes", np.eye(len(net.labels)), np.float32)
    return [w.op("Gather", [rows, label], "condition", axis=0)]
