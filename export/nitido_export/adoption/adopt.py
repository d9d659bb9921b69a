"""Understands a foreign model and makes a draft of a model file from it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from nitido.errors import ExportError
from nitido.model_file.card import CONTRACT, Card
from nitido.model_file.certificate import Vector
from nitido_export.adoption.conventions import WHOLE_FRAME, Conventions, restore, to_bytes
from nitido_export.adoption.facts import macs_per_pixel, parameters_of
from nitido_export.adoption.findings import Finding, unsure
from nitido_export.adoption.foreign import Foreign, Runner, read_foreign
from nitido_export.adoption.graph import adopted_graph
from nitido_export.adoption.pictures import Pictures
from nitido_export.adoption.reach import find_grid, find_halo
from nitido_export.adoption.shapes import find_shapes
from nitido_export.adoption.values import Trials
from nitido_export.adoption.windows import step_of
from nitido_export.draft import Draft, ReleaseInfo
from nitido_export.graph.analysis import oldest_runtime, require_finite_weights
from nitido_export.proof.certificate import GIVEN_LEVEL, certify, frames_from
from nitido_export.proof.parity import SMALLEST_PSNR
from nitido_export.session import quiet_session
from nitido_train.evaluation.metrics import psnr

SIZES = ((7, 5), (64, 64), (97, 131))  # sizes on which the graph is compared with the model as its own tool calls it
TILES_FROM = (150, 210)  # height and width, with the tile and what it sees added, of the frame that tiles are proven on
TILE = 64


@dataclass(frozen=True)
class Asked:
    """What the user knows about a model, from the options of ``nitido adopt``; ``None``: find out.

    layout, colour, range: see :class:`Conventions`. unit: of the noise level. task: of the card.
    halo: in pixels; ``WHOLE_FRAME``: never tile.
    """

    layout: str | None = None
    colour: str | None = None
    range: str | None = None
    scale: int | None = None
    multiple: int | None = None
    halo: int | None = None
    unit: str | None = None
    task: str | None = None


@dataclass(frozen=True)
class Adoption:
    """A model that is understood: how it is called, what it is for, and the reasons for these findings."""

    foreign: Foreign
    how: Conventions
    task: str
    findings: list[Finding]


def understand(
    path: Path, asked: Asked, pictures: Pictures, found: Callable[[Finding], None] = lambda _finding: None
) -> Adoption:
    """Finds out how a model is called. found: gets each finding as it is made. Raises ``ExportError``."""
    foreign = read_foreign(path)
    require_finite_weights(foreign.model)
    findings: list[Finding] = []

    def note(finding: Finding) -> None:
        findings.append(finding)
        found(finding)

    how, run, first = find_shapes(foreign, layout=asked.layout, scale=asked.scale)
    for finding in first:
        note(finding)
    trials = Trials(foreign, run, pictures)

    def decide(what: str, value: str | None, ask: Callable[[Conventions], tuple[str, Finding]]) -> str:
        value, finding = (value, Finding(what, value, "as given")) if value else ask(how)
        note(finding)
        return value

    how = replace(how, range=decide("range", asked.range, trials.range_of))
    if how.level is not None:
        how = replace(how, level=replace(how.level, unit=decide("unit", asked.unit, trials.unit_of)))
    how = replace(how, colour="luma" if how.colour == "luma" else decide("colour", asked.colour, trials.colour_of))
    task = decide("task", asked.task, trials.task_of)
    grid = (asked.multiple, "as given") if asked.multiple else find_grid(foreign, run, how, pictures)
    if asked.multiple and asked.multiple % how.multiple:
        raise ExportError(f"{path} runs only on multiples of {how.multiple} px, but --multiple is {asked.multiple}")
    if grid is not None:
        how = replace(how, multiple=grid[0])
    note(Finding("multiple", f"{how.multiple} px", grid[1] if grid else "the smallest that runs"))
    if asked.halo is not None:
        halo, finding = asked.halo, Finding("halo", f"{asked.halo} px", "as given")
    elif grid is None:
        halo, finding = WHOLE_FRAME, Finding("halo", "none", "likely: moving a picture changes all of it; never tiled")
    else:
        halo, finding = find_halo(foreign, run, how, pictures)
    note(finding)
    how = replace(how, halo=halo)
    if how.size is not None and (halo == WHOLE_FRAME or step_of(how) is None):
        size = f"{how.size[1]}×{how.size[0]}"
        raise ExportError(
            f"{path} takes only pictures of {size}, and every pixel depends on the whole picture, so larger pictures "
            "cannot be put together from such windows; export it with free height and width"
        )
    return Adoption(foreign, how, task, findings)


def draft_adopted(
    adoption: Adoption, name: str, info: ReleaseInfo, quantization: dict[str, Any] | None = None
) -> Draft:
    """Builds the graph and proves it: against the model as its own tool would call it, and tile by tile.

    quantization: of the card, for a network that was quantized. Raises ``ExportError``.
    """
    foreign, how, task = adoption.foreign, adoption.how, adoption.task
    graph = adopted_graph(foreign, how)
    plain = graph.SerializeToString()
    vectors = [Vector({"frame": frame}, {}) for frame in frames_from(info.vectors, task, how.scale)]
    if how.level is not None:
        inputs = {**vectors[-1].inputs, "noise": np.array(GIVEN_LEVEL, np.float32)}
        vectors[-1] = replace(vectors[-1], inputs=inputs)
    precision = "int8" if quantization else "fp16" if foreign.image.half else "fp32"
    certified, certificate = certify(plain, vectors, precision, ["image"])
    opset = next(entry.version for entry in graph.opset_import if entry.domain in ("", "ai.onnx"))
    known = {"failures": info.failures} if info.failures else {}
    scaled = f" ×{how.scale}" if how.scale > 1 else ""
    card = Card(
        contract=CONTRACT,
        name=name,
        task=task,
        summary=f"{task}{scaled}, adopted from {foreign.path.name}",
        scale=how.scale,
        multiple=how.multiple,
        halo=how.halo,
        colour_order="bgr",
        parameters=parameters_of(foreign),
        macs_per_pixel=round(macs_per_pixel(foreign, how), 1),
        opset=opset,
        ir_version=graph.ir_version,
        min_onnxruntime=oldest_runtime(graph),
        licence=info.licence,
        training={
            **known,
            "data": info.data,
            "adopted": {
                "file": foreign.path.name,
                "sha256": hashlib.sha256(foreign.path.read_bytes()).hexdigest(),
                "findings": [f"{f.what} {f.value}: {f.reason}" for f in adoption.findings],
            },
        },
        parity=_parity(adoption, plain, precision),
        precision=precision,
        certificate=certificate,
        quantization=quantization or {},
    )
    finished = Draft(graph, card, certified)
    _require_exact_tiles(finished, foreign.path)
    return finished


def _parity(adoption: Adoption, model: bytes, precision: str) -> dict[str, Any]:
    """The graph compared with the model called from outside: {max_error, psnr, sizes, provider, onnxruntime}."""
    foreign, how = adoption.foreign, adoption.how
    session, run = quiet_session(model), Runner(foreign, fixed=how.size is not None)
    rng = np.random.default_rng(0)
    worst, results = 0, []
    for height, width in [how.size] if how.size else SIZES:
        ramp = np.linspace(20, 235, height * width * 3).reshape(height, width, 3)
        frame = np.clip(ramp + rng.normal(0, 25, ramp.shape), 0, 255).astype(np.uint8)[None]
        feeds: dict[str, Any] = {"frame": frame}
        if how.level is not None:
            feeds["noise"] = np.array(GIVEN_LEVEL, np.float32)
        (found,) = session.run(["image"], feeds)
        expected = to_bytes(restore(run, how, frame, GIVEN_LEVEL, whole=how.size is None))
        found = np.asarray(found)
        if how.size is not None:  # windows and the model agree where neither sees an edge
            inner = (how.halo + how.multiple) * how.scale
            if min(how.size) * how.scale <= 2 * inner + 2:
                continue
            found = found[:, inner:-inner, inner:-inner]
            expected = expected[:, inner - how.margin : how.margin - inner, inner - how.margin : how.margin - inner]
        results.append(psnr(found, expected))
        worst = max(worst, int(np.abs(found.astype(int) - expected.astype(int)).max()))
    if (worst > 1) if precision == "fp32" else min(results, default=np.inf) < SMALLEST_PSNR[precision]:
        raise ExportError(
            f"{foreign.path}: the wrapped graph differs from the model by up to {worst} of 255 levels; nothing written"
        )
    overall = min(results, default=np.inf)
    return {
        "max_error": worst,
        "psnr": None if np.isinf(overall) else round(overall, 2),
        "sizes": [list(size) for size in ([how.size] if how.size else SIZES)],
        "provider": "CPUExecutionProvider",
        "onnxruntime": ort.__version__,
    }


def _require_exact_tiles(finished: Draft, path: Path) -> None:
    """Raises ``ExportError`` unless a frame in tiles equals the whole frame to one level (below float32: nearly
    everywhere)."""
    card = finished.card
    if card.halo == WHOLE_FRAME:
        return
    height, width = (side + 2 * card.halo for side in TILES_FROM)
    frame = Pictures().canvas(height, width)
    noise = {"noise": GIVEN_LEVEL} if any(i.name == "noise" for i in finished.graph.graph.input) else {}
    with finished.opened() as model:
        whole: NDArray[np.uint8] = model(frame, tile=0, **noise)
        tiled = model(frame, tile=TILE, **noise)
    worst = int(np.abs(whole.astype(int) - tiled.astype(int)).max())
    if (worst > 1) if card.precision == "fp32" else psnr(whole, tiled) < SMALLEST_PSNR[card.precision]:
        raise unsure(path, "how far it sees", "--halo", f"tiles with {card.halo} px differ by {worst} of 255 levels")
