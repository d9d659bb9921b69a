"""Turns a checkpoint into a proven graph with its card, in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import onnx

from nitido.frames import Frame
from nitido.inference.model import Model
from nitido.inference.recurrence import RecurrentState
from nitido.model_file.card import CONTRACT, Card
from nitido.model_file.certificate import VECTORS, Vector, vectors_to_text
from nitido.model_file.properties import SEAL, UNSEALED, seal
from nitido_export.graph.analysis import oldest_runtime, read_facts, require_finite_weights
from nitido_export.graph.frames import frame_graph
from nitido_export.graph.second_stage import SecondStage
from nitido_export.graph.weights import INT8_WEIGHTS, with_int8_weights
from nitido_export.graph.writer import IR_VERSION, OPSET
from nitido_export.parts.latents import latent_part
from nitido_export.parts.melodies import melody_part
from nitido_export.proof.certificate import certify, frames_from, vector_inputs
from nitido_export.proof.parity import check_parity, check_part
from nitido_train.checkpoint import Checkpoint
from nitido_train.nets.frame import FrameNet


@dataclass(frozen=True)
class ReleaseInfo:
    """What only the person who exports knows.

    licence: of the weights.
    data: training sets and their licences, in words.
    evaluation: folders of clean test pictures, or of pairs.
    vectors: clean pictures for the certificate and to show what the model does; uint8 H×W×3 BGR.
    failures: where the model is known to fail, in words.
    """

    licence: str
    data: str
    evaluation: Sequence[Path] = ()
    vectors: Sequence[Frame] = ()
    failures: str = ""


@dataclass(frozen=True)
class Draft:
    """A proven graph with its card and test vectors, in memory."""

    graph: onnx.ModelProto
    card: Card
    vectors: list[Vector]

    def to_bytes(self) -> bytes:
        """The sealed model file."""
        model = onnx.ModelProto()
        model.CopyFrom(self.graph)
        texts = {**self.card.to_metadata(), VECTORS: vectors_to_text(self.vectors), SEAL: UNSEALED}
        for key, value in texts.items():
            entry = model.metadata_props.add()
            entry.key, entry.value = key, value
        return seal(model.SerializeToString())

    @contextmanager
    def opened(self) -> Iterator[Model]:
        """The draft as a model on the CPU, without spinning threads, which would disturb a model timed in turn."""
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / f"{self.card.name}.onnx"
            path.write_bytes(self.to_bytes())
            yield Model(path, "cpu", spinning=False)


def draft(net: FrameNet, checkpoint: Checkpoint, name: str, info: ReleaseInfo, precision: str = "fp32") -> Draft:
    """Builds the graph of a network from frame to frame and proves it.

    net: the checkpoint's, quantized or not.
    precision: ``fp32``, ``fp16`` or ``int8``.
    Raises ``ExportError`` when the graph does not equal the network.
    """
    graph = frame_graph(net, half=precision == "fp16")
    require_finite_weights(graph)
    plain = graph.SerializeToString()
    frames = frames_from(info.vectors, checkpoint.recipe.task, net.scale)
    state = RecurrentState(net.states, net.multiple)
    vectors, certificate = certify(plain, vector_inputs(frames, net), precision, ["image"], state)
    card = _card(
        graph,
        checkpoint,
        info,
        cell=net.cell,
        name=name,
        task=checkpoint.recipe.task,
        summary=checkpoint.recipe.summary,
        scale=net.scale,
        multiple=net.multiple,
        parity=check_parity(net, plain, precision),
        precision=precision,
        certificate=certificate,
        states=[asdict(spec) for spec in net.states],
    )
    return Draft(graph, card, vectors)


def draft_part(
    checkpoint: Checkpoint,
    part: str,
    name: str,
    info: ReleaseInfo,
    precision: str = "fp32",
    stage: SecondStage | None = None,
) -> Draft:
    """Builds the graph of a part of an autoencoder and proves it.

    part: ``encoder``, ``decoder`` or ``whole``.
    name: of the whole model; the card's name is made from it.
    precision: ``fp32``, or ``INT8_WEIGHTS`` for a checkpoint with rounded weights.
    stage: the second stage of a decoder.
    Raises ``ExportError`` when the graph does not equal the network.
    """
    is_melody = checkpoint.recipe.net.kind == "melody-vae"
    made = melody_part(checkpoint, part, stage) if is_melody else latent_part(checkpoint, part, stage)
    if precision == INT8_WEIGHTS:
        made = replace(made, graph=with_int8_weights(made.graph))
    require_finite_weights(made.graph)
    given = [Vector(feed, {}) for feed in made.feeds]
    vectors, certificate = certify(made.graph.SerializeToString(), given, "fp32", made.certified)
    card = _card(
        made.graph,
        checkpoint,
        info,
        name=name if part == "whole" else f"{name}.{part}",
        task=made.task,
        summary=part_summary(checkpoint.recipe.summary, part),
        colour_order="bgr" if made.latent["medium"] == "picture" else "",
        parity=check_part(made),
        precision=precision,
        certificate=certificate,
        latent=made.latent,
    )
    return Draft(made.graph, card, vectors)


def part_summary(summary: str, part: str) -> str:
    """The summary of a part's card, from that of the whole model."""
    return f"{summary} ({part})"


def _card(
    graph: onnx.ModelProto,
    checkpoint: Checkpoint,
    info: ReleaseInfo,
    *,
    name: str,
    task: str,
    summary: str,
    parity: dict[str, Any],
    certificate: dict[str, Any],
    precision: str = "fp32",
    scale: int = 1,
    multiple: int = 1,
    cell: int = 1,
    colour_order: str = "bgr",
    latent: dict[str, Any] | None = None,
    states: list[dict[str, Any]] | None = None,
) -> Card:
    """The card of a proven graph. cell: pixels of the frame, on each side, under one position of the body's input."""
    facts = read_facts(graph, cell=cell)
    known = {"failures": info.failures} if info.failures else {}
    return Card(
        contract=CONTRACT,
        name=name,
        task=task,
        summary=summary,
        scale=scale,
        multiple=multiple,
        halo=facts.halo,
        colour_order=colour_order,
        parameters=facts.parameters,
        macs_per_pixel=round(facts.macs_per_pixel, 1),
        opset=OPSET,
        ir_version=IR_VERSION,
        min_onnxruntime=oldest_runtime(graph),
        licence=info.licence,
        training={
            **known,
            "data": info.data,
            "steps": checkpoint.step,
            "recipe": asdict(checkpoint.recipe),
            "provenance": checkpoint.provenance,
        },
        parity=parity,
        precision=precision,
        certificate=certificate,
        latent=latent or {},
        states=states or [],
    )
