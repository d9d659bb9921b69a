"""The graphs of a melody model: note codes in, latents out, and back."""

from __future__ import annotations

import copy
from typing import cast

import numpy as np
import onnx
from onnx import TensorProto
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from nitido_export.graph.layers import write_layers
from nitido_export.graph.second_stage import SecondStage, declare_second_stage, write_second_stage
from nitido_export.graph.writer import GraphWriter
from nitido_train.nets.melody import MelodyNet


def melody_encoder_graph(net: MelodyNet) -> onnx.ModelProto:
    """``notes`` uint8 N×T, codes below ``net.codes`` → ``z_mean`` and ``z_log_var`` float32 N×d."""
    w = GraphWriter()
    notes = w.input("notes", TensorProto.UINT8, ["N", net.grid.steps])
    index = w.op("Cast", [notes], "index", to=TensorProto.INT64)
    rows = w.op("Gather", [w.constant("codes", np.eye(net.codes), np.float32), index], "rows", axis=0)  # N T K
    columns = w.op("Transpose", [rows], "columns", perm=[0, 2, 1])  # N K T
    one_hot = w.op("Unsqueeze", [columns, w.shape("last", 3)], "one_hot")  # N K T 1
    latents = write_layers(w, without_norms(net.encoder), [one_hot], prefix="encoder.")
    for found, name in zip(latents, ("z_mean", "z_log_var"), strict=True):
        w.op("Identity", [found], name)
        w.output(name, TensorProto.FLOAT, ["N", net.latent])
    return w.model()


def melody_decoder_graph(net: MelodyNet, stage: SecondStage | None = None) -> onnx.ModelProto:
    """``z`` float32 N×d → ``notes`` uint8 N×T: at every step the likeliest code.

    stage: adds what :func:`nitido_export.graph.second_stage.write_second_stage` adds.
    """
    w = GraphWriter()
    z = w.input("z", TensorProto.FLOAT, ["N", net.latent])
    if stage is not None:
        z = write_second_stage(w, stage, z, [])
    (logits,) = write_layers(w, without_norms(net.decoder), [z], prefix="decoder.")  # N K T 1
    best = w.op("ArgMax", [logits], "best", axis=1, keepdims=0)  # N T 1
    flat = w.op("Squeeze", [best, w.shape("last", 2)], "flat")
    w.op("Cast", [flat], "notes", to=TensorProto.UINT8)
    w.output("notes", TensorProto.UINT8, ["N", net.grid.steps])
    if stage is not None:
        declare_second_stage(w, stage)
    return w.model()


def without_norms(net: nn.Module) -> nn.Module:
    """A copy in eval mode with each batch normalization merged into the weights of the layer before it."""
    plain = copy.deepcopy(net).eval().requires_grad_(False)
    for sequence in [module for module in plain.modules() if isinstance(module, nn.Sequential)]:
        layers: list[nn.Module] = []
        for layer in sequence:
            if isinstance(layer, nn.BatchNorm1d):
                layers[-1] = fuse_linear_bn_eval(cast(nn.Linear, layers[-1]), layer)
            elif isinstance(layer, nn.BatchNorm2d):
                before = cast(nn.Conv2d, layers[-1])
                layers[-1] = fuse_conv_bn_eval(before, layer, transpose=isinstance(before, nn.ConvTranspose2d))
            else:
                layers.append(layer)
        del sequence[:]
        sequence.extend(layers)
    return plain
