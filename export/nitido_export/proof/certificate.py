"""Makes the certificate that ``nitido verify`` replays: small real frames and the model's results for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from nitido.errors import ExportError, SourceUnavailable
from nitido.frames import Frame
from nitido.inference.recurrence import RecurrentState
from nitido.inference.verify import run_vectors
from nitido.model_file.certificate import Vector, difference, is_finite
from nitido_export.session import quiet_session
from nitido_train.data import defects, degrade
from nitido_train.nets.frame import FrameNet
from nitido_train.recipe.schema import DefectRecipe

CROP = (37, 45)  # odd, so that padding is checked too; larger than twice the receptive field of the small models
COUNT = 2  # the certificate should not enlarge the file much
SEQUENCE = 3  # frames of a recurrent model's vectors

GIVEN_LEVEL = 15.0  # approximate luma noise of SIGMA in all channels
SIGMA = 25  # of the noise in a denoiser's vectors
DEFECTS = DefectRecipe(clean=0.0)  # in those of a network that removes defects


def frames_from(pictures: Sequence[Frame], task: str, scale: int) -> list[Frame]:
    """The most detailed of a few crops of each picture, degraded as the task has it; uint8 1×h×w×3 BGR.

    Without pictures, they are cut from a drawn scene. Raises ``SourceUnavailable`` when no picture is large enough.
    """
    height, width = CROP
    pictures = pictures or [drawn_picture()]
    large = [p for p in pictures if p.shape[0] >= height and p.shape[1] >= width]
    if not large:
        raise SourceUnavailable(f"no picture for the certificate: expected one of at least {width}×{height} pixels")
    frames: list[Frame] = []
    for number in range(COUNT):
        rng = np.random.default_rng(number)
        picture = large[number % len(large)]
        crops: list[Frame] = []
        for _ in range(8):
            top = int(rng.integers(picture.shape[0] - height + 1))
            left = int(rng.integers(picture.shape[1] - width + 1))
            crops.append(picture[top : top + height, left : left + width])
        crop = max(crops, key=lambda c: float(np.abs(np.diff(c.astype(int), axis=1)).mean()))
        if task == "denoise":
            crop = degrade.add_gaussian(crop, SIGMA, rng)
        elif task == "reconstruct":
            crop = defects.add_defects(crop, DEFECTS, rng)
        else:
            crop = degrade.shrink(degrade.crop_to_multiple(crop, scale), scale)
        frames.append(np.ascontiguousarray(crop[None]))
    return frames


def drawn_picture() -> Frame:
    """A drawn scene of gradients, edges, fine stripes and writing, uint8 128×160×3 BGR, used without photographs."""
    rows, columns = np.mgrid[0:128, 0:160].astype(np.float32)
    scene = np.stack([columns * 1.4, rows * 1.8, 240 - rows - columns * 0.5], axis=-1)  # H W 3
    scene[:, 96:] += 24 * np.sign(np.sin(columns[:, 96:] * 1.3))[:, :, None]
    picture = np.clip(scene, 0, 255).astype(np.uint8)
    cv2.circle(picture, (50, 50), 30, (40, 90, 210), -1, cv2.LINE_AA)
    cv2.putText(picture, "nitido", (8, 112), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (250, 250, 240), 2, cv2.LINE_AA)
    return picture


def vector_inputs(frames: Sequence[Frame], net: FrameNet) -> list[Vector]:
    """Vectors without results. A denoiser with a noise level estimates it in the first vector and is given it in the
    last. A recurrent denoiser gets a sequence: the first frame, moving, with new noise in each frame.

    frames: uint8 1×h×w×3, see :func:`frames_from`.
    """
    states = net.states
    if states:
        rng = np.random.default_rng(COUNT)
        moved = [np.roll(frames[0], 2 * number, axis=2) for number in range(SEQUENCE)]
        frames = [frames[0], *(degrade.add_gaussian(frame, SIGMA / 4, rng) for frame in moved[1:])]
    vectors = [Vector({"frame": frame}, {}, follows=bool(states) and n > 0) for n, frame in enumerate(frames)]
    if net.takes_level:
        given = {"noise": np.array(GIVEN_LEVEL, np.float32)}
        vectors[-1] = replace(vectors[-1], inputs={**vectors[-1].inputs, **given})
    return vectors


def certify(
    model: bytes,
    vectors: Sequence[Vector],
    precision: str,
    names: Sequence[str] | None = None,
    state: RecurrentState | None = None,
) -> tuple[list[Vector], dict[str, object]]:
    """(test vectors, the card's ``certificate``: largest and mean difference allowed elsewhere, in 8-bit levels for
    pictures, in their own unit for latents).

    vectors: without outputs. names: the outputs that are certified, default all. state: of a recurrent model.

    In fp32, pictures may differ by one level, and by a third of a level in the mean. Latents may differ by 2 % of the
    largest value, and by 1 % in the mean. This leaves room for GPUs, which multiply with shorter mantissas. In int8 and
    fp16, a different rounding inside can change a pixel or two by several levels. There the tolerance is slightly more
    than twice the difference between two correct executions: the graph fused by ONNX Runtime, and the same graph
    operator by operator. Raises ``ExportError`` when those two differ by a level in the mean, because no tolerance
    could then separate right from wrong.
    """
    fused, plain = quiet_session(model), quiet_session(model, optimised=False)
    state = state or RecurrentState((), 1)
    finished: list[Vector] = []
    gap = mean_gap = size = 0.0
    runs = (run_vectors(session, vectors, state) for session in (fused, plain))
    for vector, found, other in zip(vectors, *runs, strict=True):
        outputs, others = ({name: run[name] for name in names or run} for run in (found, other))
        if not is_finite(outputs):
            raise ExportError(
                "the graph returns values that are not finite: the training has diverged; nothing written"
            )
        largest, mean, _ = difference(outputs, others)
        gap, mean_gap = max(gap, largest), max(mean_gap, mean)
        size = max(size, *(float(np.abs(array).max()) for array in outputs.values() if array.dtype == np.float32), 0.0)
        finished.append(replace(vector, outputs=outputs))
    if mean_gap > 1 or (precision == "fp32" and gap > 1):
        raise ExportError(
            f"two executions of the same graph differ by {gap:g} levels ({mean_gap:.2f} in the mean): its "
            "rounding is too coarse to be certified; allow less loss, or fine-tune with 'nitido train --qat'"
        )
    if size:
        allowed = (0.02 * size, 0.01 * size)
    elif precision == "fp32":
        allowed = (1.0, 0.35)
    else:
        allowed = (2 * gap + 2, 2 * mean_gap + 0.1)
    return finished, {
        "vectors": len(finished),
        "tolerance": round(allowed[0], 4),
        "mean_tolerance": round(allowed[1], 4),
        "gap_without_fusion": round(gap, 7),
        "mean_gap_without_fusion": round(mean_gap, 7),
    }
