"""Writing a model file with its card, and the index of a folder of models."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from nitido.card import CONTRACT, Card
from nitido.errors import SinkUnavailable
from nitido.model import Model
from nitido_export.evaluate import evaluate
from nitido_export.graph import IR_VERSION, MIN_ONNXRUNTIME, OPSET, build_graph, read_facts
from nitido_export.verify import check_parity
from nitido_train.checkpoint import Checkpoint


def export_checkpoint(checkpoint: Checkpoint, target: Path, *, licence: str, data: str, folders: list[Path]) -> Card:
    """Builds, proves, evaluates and writes ``target`` (``.onnx``), its ``.json`` card and the folder's index.

    licence: of the weights. data: the training sets and their licences in words. folders: evaluation sets.
    Raises ``ExportError`` when the graph does not equal the network, ``SinkUnavailable`` when nothing can be written.
    """
    net = checkpoint.averaged_net()
    model = build_graph(net)
    facts = read_facts(model)
    recipe = checkpoint.recipe
    card = Card(
        contract=CONTRACT,
        name=target.stem,
        task=recipe.task,
        summary=recipe.summary,
        scale=net.scale,
        multiple=net.grid,
        halo=facts.halo,
        colour_order="bgr",
        parameters=facts.parameters,
        macs_per_pixel=round(facts.macs_per_pixel, 1),
        opset=OPSET,
        ir_version=IR_VERSION,
        min_onnxruntime=MIN_ONNXRUNTIME,
        licence=licence,
        training={"data": data, "steps": checkpoint.step, "recipe": asdict(recipe)},
        parity=check_parity(net, model.SerializeToString()),
    )
    if folders:
        with tempfile.TemporaryDirectory() as scratch:
            draft = Path(scratch) / target.name
            draft.write_bytes(_stamped(model, card))
            card = replace(card, evaluation=evaluate(Model(draft, "cpu"), folders))
    write_whole(target, _stamped(model, card))
    write_whole(target.with_suffix(".json"), _json(asdict(card)))
    _update_index(target.parent, card, target)
    return card


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file so that it is there complete or not at all. Raises ``SinkUnavailable``."""
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        if partial.is_file():
            partial.unlink(missing_ok=True)
        raise SinkUnavailable(f"cannot write {path}: {error.strerror}; nothing was changed") from error


def _stamped(model: Any, card: Card) -> bytes:
    del model.metadata_props[:]
    for key, value in card.to_metadata().items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    return model.SerializeToString()


def _update_index(folder: Path, card: Card, file: Path) -> None:
    path = folder / "index.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["models"] if path.is_file() else []
    rows = [row for row in rows if row["name"] != card.name]
    first_of_task = not any(row["task"] == card.task and row["default"] for row in rows)
    rows.append(
        {
            "name": card.name,
            "file": file.name,
            "task": card.task,
            "scale": card.scale,
            "summary": card.summary,
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            "default": first_of_task,
        }
    )
    rows.sort(key=lambda row: row["name"])
    write_whole(path, _json({"contract": CONTRACT, "models": rows}))


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
