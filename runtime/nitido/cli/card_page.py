"""A model's card as a page for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nitido.inference.session import open_session
from nitido.model_file import zoo
from nitido.model_file.card import Card


def read_card(name_or_path: str) -> Card:
    """The card of any kind of model. Raises ``ModelNotFound``, ``CardMismatch``, ``ProviderUnavailable``."""
    path = zoo.find(name_or_path)
    session, _ = open_session(path, "cpu")
    return Card.from_metadata(session.get_modelmeta().custom_metadata_map, str(path))


def summary(card: Card) -> str:
    """The facts that choose a model, in lines of at most 120 characters or so; the rest is in the card itself."""
    lines = [f"{card.name}: {card.summary}", *(f"  {name:14} {value}" for name, value in _facts(card) if value)]
    lines += [f"  {'measured' if not i else '':14} {row}" for i, row in enumerate(map(_row, card.evaluation))]
    return "\n".join([*lines, "  nitido info --json shows the whole card"])


def _facts(card: Card) -> Iterable[tuple[str, str]]:
    yield "task", card.task + (f" ×{card.scale}" if card.scale > 1 else "")
    yield "computes", f"{card.parameters:,} parameters, {card.macs_per_pixel:,.0f} MAC per pixel, in {card.precision}"
    latent = card.latent
    if latent:
        size = f"{latent['height']}×{latent['width']}" if latent["medium"] == "picture" else f"{latent['steps']} steps"
        yield "latent", f"{latent['kind']}, {latent['size']} dimensions, {latent['medium']} of {size}"
        yield "classes", ", ".join(latent.get("labels") or [])
    else:
        yield "tiles", f"on a grid of {card.multiple} px, with {card.halo} px of context"
    yield "needs", f"onnxruntime {card.min_onnxruntime} or later (opset {card.opset}, IR {card.ir_version})"
    yield "licence", card.licence
    training = card.training
    if training:
        yield "trained on", str(training.get("data", ""))
        yield "steps", f"{training['steps']:,}" if "steps" in training else ""
        yield "known to fail", str(training.get("failures", ""))
    quantization = card.quantization
    if quantization:
        yield "quantized", f"loses {quantization['drop']} dB on the worst condition; {quantization['timing']}"
    certificate = card.certificate
    if certificate:
        allowed = f"another machine may be off by {certificate['tolerance']:g}"
        yield "certificate", f"{certificate['vectors']} vectors, {allowed} (nitido verify {card.name})"


def _row(row: dict[str, Any]) -> str:
    baseline = f" (without: {row['baseline']})" if row.get("baseline") is not None else ""
    count = f", {row['pictures']} pictures" if row.get("pictures") else ""
    return f"{row['set']}, {row['condition']}: {row['metric']} {row['value']}{baseline}{count}"
