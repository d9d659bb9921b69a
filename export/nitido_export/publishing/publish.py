"""Writing a model file with its card and its seal, and the index of a folder of models."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import onnx

from nitido.errors import CardMismatch, ExportError
from nitido.inference.model import Model, load
from nitido.inference.verify import SEAL, UNSEALED, VECTORS, Vector, seal, vectors_to_text
from nitido.model_file.card import CONTRACT, Card
from nitido.system.files import write_whole
from nitido_export.evaluation.frames import evaluate
from nitido_export.evaluation.latents import evaluate_network
from nitido_export.graph.analysis import oldest_runtime, read_facts
from nitido_export.graph.frames import frame_graph
from nitido_export.graph.writer import IR_VERSION, OPSET
from nitido_export.parts.latents import latent_part
from nitido_export.parts.melodies import melody_part
from nitido_export.proof.certificate import certify, frames_from
from nitido_export.proof.parity import check_parity, check_part
from nitido_export.publishing.before_after import before_after, to_webp
from nitido_export.publishing.catalogue import add_to_catalogue, picture_of
from nitido_train.checkpoint import Checkpoint
from nitido_train.data.degrade import Picture
from nitido_train.nets.frame import FrameNet
from nitido_train.quantization.imitation import unquantized
from nitido_train.recipe import recipe_from_dict

SHOWN = 3  # pictures


@dataclass(frozen=True)
class Statement:
    """What only the person who exports can say. licence: of the weights. data: training sets and their licences in
    words. evaluation: folders of clean test pictures, or of pairs. vectors: clean pictures for the certificate and to
    show what the model does. failures: where it is known to fail, in words."""

    licence: str
    data: str
    evaluation: Sequence[Path] = ()
    vectors: Sequence[Picture] = ()
    failures: str = ""


@dataclass(frozen=True)
class Draft:
    """A proven graph with its card and test vectors, not yet a file."""

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
        """The draft as a model on the CPU, fit to be timed beside another (no spinning threads)."""
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / f"{self.card.name}.onnx"
            path.write_bytes(self.to_bytes())
            yield Model(path, "cpu", spinning=False)


def draft(net: FrameNet, checkpoint: Checkpoint, name: str, statement: Statement, precision: str = "fp32") -> Draft:
    """Builds the graph of a network (quantized or not) and proves it. Raises ``ExportError`` when the graph does not
    equal the network."""
    graph = frame_graph(net, half=precision == "fp16")
    facts = read_facts(graph, cell=net.cell)
    recipe = checkpoint.recipe
    plain = graph.SerializeToString()
    frames = frames_from(statement.vectors, recipe.task, net.scale)
    vectors, certificate = certify(plain, [{"frame": frame} for frame in frames], precision)
    card = Card(
        contract=CONTRACT,
        name=name,
        task=recipe.task,
        summary=recipe.summary,
        scale=net.scale,
        multiple=net.multiple,
        halo=facts.halo,
        colour_order="bgr",
        parameters=facts.parameters,
        macs_per_pixel=round(facts.macs_per_pixel, 1),
        opset=OPSET,
        ir_version=IR_VERSION,
        min_onnxruntime=oldest_runtime(graph),
        licence=statement.licence,
        training=_training(checkpoint, statement),
        parity=check_parity(net, plain, precision),
        precision=precision,
        certificate=certificate,
    )
    return Draft(graph, card, vectors)


def _training(checkpoint: Checkpoint, statement: Statement) -> dict[str, Any]:
    known = {"failures": statement.failures} if statement.failures else {}
    return {
        **known,
        "data": statement.data,
        "steps": checkpoint.step,
        "recipe": asdict(checkpoint.recipe),
        "provenance": checkpoint.provenance,
    }


def publish(finished: Draft, target: Path, statement: Statement) -> Card:
    """Evaluates a draft and writes ``target`` (``.onnx``), its ``.json`` card and, for a float model from frame to
    frame, a picture of what it does, and enters it into the catalogue.
    Raises ``SinkUnavailable`` when nothing can be written; what was there before is then still there."""
    shown = None
    if statement.evaluation and not finished.card.evaluation:
        with finished.opened() as model:
            rows = evaluate(model, statement.evaluation)
        finished = replace(finished, card=replace(finished.card, evaluation=rows))
    if finished.card.task in ("denoise", "upscale") and statement.vectors and finished.card.precision == "fp32":
        recipe = recipe_from_dict(finished.card.training["recipe"])
        with finished.opened() as model:
            shown = before_after(model, recipe, statement.vectors[:SHOWN])
    if shown is not None:
        write_whole(picture_of(target), to_webp(shown))
    write_whole(target, finished.to_bytes())
    card = json.dumps(asdict(finished.card), indent=2, ensure_ascii=False)
    write_whole(target.with_suffix(".json"), f"{card}\n".encode())
    add_to_catalogue(target.parent, finished.card, target)
    return finished.card


def export_checkpoint(checkpoint: Checkpoint, target: Path, statement: Statement) -> Card:
    """A float32 model from a checkpoint. Raises ``ExportError`` or ``SinkUnavailable``."""
    if checkpoint.quantization:
        raise ExportError("this checkpoint was trained for 8 bits (--qat): export it with --int8")
    finished = draft(checkpoint.frame_net(), checkpoint, target.stem, statement)
    return publish(finished, target, statement)


def draft_part(checkpoint: Checkpoint, part: str, name: str, statement: Statement) -> Draft:
    """A part of an autoencoder (``encoder``, ``decoder`` or ``whole``), proven. Raises ``ExportError`` when its graph
    does not equal its network."""
    is_melody = checkpoint.recipe.net.kind == "melody-vae"
    made = melody_part(checkpoint, part) if is_melody else latent_part(checkpoint, part)
    facts = read_facts(made.graph)
    vectors, certificate = certify(made.graph.SerializeToString(), made.feeds, "fp32")
    card = Card(
        contract=CONTRACT,
        name=name if part == "whole" else f"{name}.{part}",
        task=made.task,
        summary=f"{checkpoint.recipe.summary} ({part})",
        scale=1,
        multiple=1,
        halo=0,
        colour_order="bgr" if made.latent["medium"] == "picture" else "",
        parameters=facts.parameters,
        macs_per_pixel=round(facts.macs_per_pixel, 1),
        opset=OPSET,
        ir_version=IR_VERSION,
        min_onnxruntime=oldest_runtime(made.graph),
        licence=statement.licence,
        training=_training(checkpoint, statement),
        parity=check_part(made),
        certificate=certificate,
        latent=made.latent,
    )
    return Draft(made.graph, card, vectors)


def export_parts(checkpoint: Checkpoint, target: Path, statement: Statement, parts: Sequence[str]) -> list[Card]:
    """``NAME.encoder.onnx`` and so on, for ``target`` ``NAME.onnx``, evaluated together. All parts are proven before
    the first is written. Raises ``ExportError`` or ``SinkUnavailable``."""
    drafts = [draft_part(checkpoint, part, target.stem, statement) for part in parts]
    rows = evaluate_network(checkpoint, statement.evaluation)
    return [
        publish(
            replace(finished, card=replace(finished.card, evaluation=rows)),
            target.with_name(f"{finished.card.name}.onnx"),
            statement,
        )
        for finished in drafts
    ]


@contextmanager
def opened_reference(checkpoint: Checkpoint, against: Path | None, statement: Statement) -> Iterator[Model]:
    """The float model that a lower precision is measured against: a file, or the checkpoint's own weights in fp32.

    Raises ``ModelNotFound``, or ``CardMismatch`` when the file is for another task or scale.
    """
    net = checkpoint.frame_net()
    if against is not None:
        model = load(str(against), "cpu", spinning=False)
        model.card.require_task(checkpoint.recipe.task, str(against))
        if model.card.scale != net.scale:
            raise CardMismatch(f"{against} has scale {model.card.scale}, this run has scale {net.scale}")
        yield model
    else:
        plain = unquantized(net) if checkpoint.quantization else net
        with draft(plain, checkpoint, "reference", statement).opened() as model:
            yield model
