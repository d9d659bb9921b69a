"""The parts that an autoencoder of pictures is exported in: encoder, decoder, or both in one file."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nitido.errors import ExportError
from nitido.model_file.certificate import Arrays
from nitido_export.graph.latents import decoder_graph, encoder_graph, reconstruction_graph
from nitido_export.graph.second_stage import SecondStage, stage_input
from nitido_export.parts.part import Part
from nitido_train.checkpoint import Checkpoint
from nitido_train.nets.latent import LatentNet
from nitido_train.tensors import from_logits, to_tensor


def latent_part(checkpoint: Checkpoint, part: str, stage: SecondStage | None = None) -> Part:
    """``encoder``, ``decoder`` or ``whole`` of an autoencoder of pictures.

    stage: the decoder's second stage.
    Raises ``CheckpointError`` for another network, ``ExportError`` for an unvalidated one.
    """
    net = checkpoint.latent_net()
    facts = checkpoint.facts
    if not facts:
        raise ExportError("this checkpoint was never validated: train at least until the first validation, then export")
    examples = facts["examples"].numpy()  # 2 H W C
    frames = np.broadcast_to(examples, (*examples.shape[:3], 3)).copy()  # torch warns of arrays it may not write
    label = {"label": np.array(facts["example_labels"], np.int64)} if net.kind == "cvae" else {}
    encoded = _encode(net, {"frame": frames, **label})
    names = list(encoded)
    latent = {
        "kind": net.kind,
        "medium": "picture",
        "size": net.latent,
        "height": net.height,
        "width": net.width,
        "channels": net.channels,
        "labels": net.labels,
        "mean": facts["mean"],
        "std": facts["std"],
        "prior": "normal" if net.has_prior else "none",
    }
    if part == "decoder":
        feeds = _one_by_one({"z": encoded[names[0]], **label})
        if stage is not None:
            latent["second_stage"] = stage.kind
            feeds += [
                {**feed, "z": stage_input(stage, feed["z"], _condition(net, feed)), "prior": np.array(1, np.float32)}
                for feed in feeds
            ]
        graph = decoder_graph(net, stage)
        return Part("decode", graph, feeds, lambda feed: _decode(net, feed, stage), latent, ("image",))
    feeds = _one_by_one({"frame": frames, **label})
    if part == "encoder":
        return Part("encode", encoder_graph(net), feeds, lambda feed: _encode(net, feed), latent)

    def through(feed: Arrays) -> Arrays:
        return _decode(net, {**feed, "z": _encode(net, feed)[names[0]]})

    return Part("reconstruct", reconstruction_graph(net), feeds, through, latent)


def _one_by_one(inputs: Arrays) -> list[Arrays]:
    """Arrays of N rows as N dicts of one."""
    count = len(next(iter(inputs.values())))
    return [{name: values[i : i + 1] for name, values in inputs.items()} for i in range(count)]


def _condition(net: LatentNet, feed: Arrays) -> Tensor | None:
    return net.condition(torch.from_numpy(feed["label"])) if "label" in feed else None


@torch.no_grad()
def _encode(net: LatentNet, feed: Arrays) -> Arrays:
    frames = feed["frame"][..., :1] if net.channels == 1 else feed["frame"]  # the examples of grey nets are grey
    encoded = net.encoder(to_tensor(torch.from_numpy(np.ascontiguousarray(frames))), _condition(net, feed))
    if isinstance(encoded, tuple):
        return {"z_mean": encoded[0].numpy(), "z_log_var": encoded[1].numpy()}
    return {"z": encoded.numpy()}


@torch.no_grad()
def _decode(net: LatentNet, feed: Arrays, stage: SecondStage | None = None) -> Arrays:
    """stage: applied to ``z`` first if the feed says that it is standard normal."""
    z, condition = torch.from_numpy(feed["z"]), _condition(net, feed)
    if stage is not None and "prior" in feed:
        z = stage(z, condition)
    pictures = from_logits(net.decoder(z, condition))
    return {"image": np.broadcast_to(pictures, (*pictures.shape[:3], 3)).copy()}
