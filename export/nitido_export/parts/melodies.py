"""The two files of a melody model."""

from __future__ import annotations

import numpy as np
import torch

from nitido.errors import CheckpointError, ExportError
from nitido.model_file.certificate import Arrays
from nitido_export.graph.melodies import melody_decoder_graph, melody_encoder_graph
from nitido_export.graph.second_stage import SecondStage, stage_input
from nitido_export.parts.part import Part
from nitido_train.checkpoint import Checkpoint
from nitido_train.nets.melody import MelodyNet


def melody_part(checkpoint: Checkpoint, part: str, stage: SecondStage | None = None) -> Part:
    """``encoder`` or ``decoder`` of a melody model.

    stage: the decoder's second stage.
    Raises ``CheckpointError`` for another network, ``ExportError`` for an unvalidated one or another part.
    """
    net = checkpoint.averaged_net()
    if not isinstance(net, MelodyNet):
        raise CheckpointError(
            f"recipe '{checkpoint.recipe.name}' trains a {checkpoint.recipe.net.kind}; expected a melody model"
        )
    if not checkpoint.facts:
        raise ExportError("this checkpoint was never validated: train at least until the first validation, then export")
    if part not in ("encoder", "decoder"):
        raise ExportError(f"a melody model has an encoder and a decoder; found '{part}'")
    notes = checkpoint.facts["examples"].numpy()  # 2 T
    latent = {**net.card(), "mean": checkpoint.facts["mean"], "std": checkpoint.facts["std"]}
    if part == "encoder":
        feeds: list[Arrays] = [{"notes": row[None].copy()} for row in notes]
        return Part("encode", melody_encoder_graph(net), feeds, lambda feed: _encode(net, feed), latent)
    feeds = [{"z": row[None]} for row in _encode(net, {"notes": notes.copy()})["z_mean"]]
    if stage is not None:
        latent["second_stage"] = stage.kind
        feeds += [{"z": stage_input(stage, feed["z"]), "prior": np.array(1, np.float32)} for feed in feeds]
    graph = melody_decoder_graph(net, stage)
    return Part("decode", graph, feeds, lambda feed: _decode(net, feed, stage), latent, ("notes",))


@torch.no_grad()
def _encode(net: MelodyNet, feed: Arrays) -> Arrays:
    mean, log_var = net.encoder(net.one_hot(torch.from_numpy(feed["notes"])))
    return {"z_mean": mean.numpy(), "z_log_var": log_var.numpy()}


@torch.no_grad()
def _decode(net: MelodyNet, feed: Arrays, stage: SecondStage | None = None) -> Arrays:
    """stage: what ``z`` goes through first where the feed says that it is standard normal."""
    z = torch.from_numpy(feed["z"])
    if stage is not None and "prior" in feed:
        z = stage(z)
    logits = net.decoder(z)  # N K T 1
    return {"notes": logits[..., 0].argmax(1).numpy().astype(np.uint8)}
