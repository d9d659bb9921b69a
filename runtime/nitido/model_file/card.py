"""The model card: what a model file says about itself.

Stored in the file's ``metadata_props`` under keys ``nitido.<field>``, one JSON value each. So every ``.onnx`` file
contains its card; ``models/*.json`` are copies of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from nitido.errors import CardMismatch

CONTRACT = 1
PREFIX = "nitido."


@dataclass(frozen=True)
class Card:
    """Facts about one model, each measured or derived when the file was made.

    Attributes:
        contract: version of the model contract, see docs/reference/contract.md.
        name: as in the file name, such as ``denoise-n``.
        task: ``denoise``, ``upscale``, ``encode``, ``decode`` or ``reconstruct``.
        summary: one line for people.
        scale: output size ÷ input size.
        multiple: grid of the network in input pixels; tiles must start on it. The graph itself takes any size.
        halo: pixels of the surroundings that a tile on the grid needs for an exact result; -1: the whole frame, so it
        must not be cut into tiles.
        colour_order: ``bgr``, of both input and output.
        parameters: number of trained values as exported.
        macs_per_pixel: multiply-accumulates per input pixel, from the graph.
        opset: ONNX operator set that a reader of the file must support.
        ir_version: ONNX file version that a reader of the file must support.
        min_onnxruntime: oldest ONNX Runtime that runs the file.
        licence: of the weights.
        training: data sets and their licences, recipe, steps.
        evaluation: rows of {set, condition, metric, value, baseline, ...}, and the command that repeats them.
        parity: the exported graph compared with the network it was made from.
        precision: of the body's arithmetic: ``fp32``, ``fp16`` or ``int8``. ``fp32, int8 weights``: in fp32, with
        weights that are stored in int8.
        certificate: ``tolerance`` is the allowed difference of another machine's results for the test vectors of the
        file; the rest was measured at export.
        quantization: how a file in lower precision was made: layers in float, loss compared with fp32, measured speed.
        latent: of an encoder, decoder or reconstructing model: kind, medium, size, height, width, channels, labels,
            prior, mean and std of the training set's latents; see docs/reference/contract.md.
        states: of a recurrent model, one {name, channels, grid, warp} for each state; see
            :class:`nitido.model_file.states.StateSpec`.
    """

    contract: int
    name: str
    task: str
    summary: str
    scale: int
    multiple: int
    halo: int
    colour_order: str
    parameters: int
    macs_per_pixel: float
    opset: int
    ir_version: int
    min_onnxruntime: str
    licence: str
    training: dict[str, Any] = field(default_factory=dict)
    evaluation: list[dict[str, Any]] = field(default_factory=list)
    parity: dict[str, Any] = field(default_factory=dict)
    precision: str = "fp32"
    certificate: dict[str, Any] = field(default_factory=dict)
    quantization: dict[str, Any] = field(default_factory=dict)
    latent: dict[str, Any] = field(default_factory=dict)
    states: list[dict[str, Any]] = field(default_factory=list)

    def to_metadata(self) -> dict[str, str]:
        """The card as ONNX metadata: ``nitido.<field>`` → JSON."""
        return {PREFIX + key: json.dumps(value, ensure_ascii=False) for key, value in asdict(self).items()}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], origin: str) -> Card:
        """Reads a card; keys of later contract minors are ignored. Raises ``CardMismatch`` naming ``origin``."""
        if f"{PREFIX}contract" not in metadata:
            raise CardMismatch(
                f"{origin} has no Nítido card: expected a model made by 'nitido export', found another ONNX file; "
                f"if it takes and returns pictures, wrap it with: nitido adopt {origin} -o NEW.onnx"
            )
        values: dict[str, Any] = {}
        for spec in fields(cls):
            text = metadata.get(PREFIX + spec.name)
            if text is None:
                continue
            try:
                values[spec.name] = json.loads(text)
            except json.JSONDecodeError as error:
                raise CardMismatch(f"{origin}: card entry '{spec.name}' is not JSON; export the model again") from error
        if values["contract"] != CONTRACT:
            raise CardMismatch(
                f"{origin} follows model contract {values['contract']}, this Nítido reads {CONTRACT}; "
                "upgrade nitido or export the model again"
            )
        try:
            return cls(**values)
        except TypeError as error:
            raise CardMismatch(f"{origin} has an incomplete card ({error}); export the model again") from error

    @property
    def removes_compression(self) -> bool:
        """Whether its noise level is that of JPEG compression, see :mod:`nitido.images.compression`."""
        noise = (self.training.get("recipe") or {}).get("noise") or {}
        return any(noise.get("compressed") or ())

    def require_task(self, task: str, origin: str) -> None:
        """Raises ``CardMismatch`` unless the model does ``task``."""
        if self.task != task:
            raise CardMismatch(f"{origin} is a model for '{self.task}', expected one for '{task}'; see 'nitido models'")
