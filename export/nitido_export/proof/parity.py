"""Compares exported graphs with their networks: from frame to frame, and parts of autoencoders."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnxruntime as ort
import torch
import torch.nn.functional as F

from nitido.errors import ExportError
from nitido.frames import Frame
from nitido.inference.recurrence import RecurrentState
from nitido.inference.session import run_graph
from nitido.inference.verify import run_vectors
from nitido.model_file.certificate import Vector, difference
from nitido_export.parts.part import Part
from nitido_export.session import quiet_session
from nitido_train.evaluation.metrics import psnr
from nitido_train.nets.frame import FrameNet
from nitido_train.tensors import to_frames, to_tensor

SEQUENCE = 4  # frames that a recurrent network is run on
SIZES = ((1, 1), (7, 5), (64, 64), (97, 131))
GIVEN_LEVEL = 9.0  # a noise level for denoisers; they are also run without one

# In fp32 both round the same real number, and another order of summation can move it across one rounding boundary. In
# fp16 and int8 intermediate values are rounded too, and each may be rounded differently.
SMALLEST_PSNR = {"fp32": 55.0, "fp16": 45.0, "int8": 40.0}

# Relative difference of float outputs that another order of summation may cause in float32.
FLOAT_GAP = 1e-4

_RAN_ON = {"provider": "CPUExecutionProvider", "onnxruntime": ort.__version__}


def check_parity(net: FrameNet, model: bytes, precision: str = "fp32") -> dict[str, Any]:
    """Runs both on seeded frames and returns {max_error (8-bit levels), psnr (dB, ``None`` when equal), sizes,
    provider, onnxruntime}.

    The torch side is the network as trained, with its branches and imitated rounding, so this also proves that they
    were merged correctly. Denoisers with a noise level are run with and without one, recurrent networks on a sequence
    of frames, with separate states for both sides. Raises ``ExportError`` when an fp32 byte differs by more than one,
    or the PSNR between the two is under ``SMALLEST_PSNR``.
    """
    session = quiet_session(model)
    net = net.eval()
    rng = np.random.default_rng(0)
    worst, squares, count = 0, 0.0, 0
    for height, width in SIZES:
        # Smooth ramps with noise: results for pure noise would always be clipped.
        ramp = np.linspace(20, 235, height * width * 3).reshape(height, width, 3)
        frames = [
            np.clip(np.roll(ramp, 3 * n, 1) + rng.normal(0, 25, ramp.shape), 0, 255).astype(np.uint8)
            for n in range(SEQUENCE if net.states else 1)
        ]
        for noise in (None, GIVEN_LEVEL) if net.takes_level else (None,):
            runs = zip(_run_torch(net, frames, noise), _run_graph(session, net, frames, noise), strict=True)
            for expected, found in runs:
                if expected.shape != found.shape:
                    raise ExportError(
                        f"the exported graph returns {found.shape}, the network {expected.shape}; nothing written"
                    )
                worst = max(worst, int(np.abs(expected.astype(int) - found.astype(int)).max()))
                mse = 255**2 / 10 ** (psnr(expected, found) / 10)
                squares, count = squares + mse * found.size, count + found.size
    overall = 10 * math.log10(255**2 * count / squares) if squares else math.inf
    if overall < SMALLEST_PSNR[precision] or (precision == "fp32" and worst > 1):
        raise ExportError(
            f"the exported graph differs from the network by up to {worst} of 255 levels ({overall:.1f} dB, expected "
            f">= {SMALLEST_PSNR[precision]:.0f} dB); nothing written"
        )
    return {
        "max_error": worst,
        "psnr": None if overall == math.inf else round(overall, 2),
        "sizes": [list(size) for size in SIZES],
        **({"frames": SEQUENCE} if net.states else {}),
        **_RAN_ON,
    }


def check_part(part: Part) -> dict[str, Any]:
    """Runs a part's graph and its network on the part's feeds; returns the card's ``parity``.

    Raises ``ExportError`` when a byte differs by more than one, or a float by more than ``FLOAT_GAP`` of the largest.
    """
    session = quiet_session(part.graph.SerializeToString())
    worst = 0.0
    for feed in part.feeds:
        expected, found = part.expected(feed), run_graph(session, feed, part.certified)
        gap, _, _ = difference(expected, found)
        is_bytes = all(array.dtype == np.uint8 for array in expected.values())
        size = 1.0 if is_bytes else max(1.0, *(float(np.abs(array).max()) for array in expected.values()))
        if gap > (1.0 if is_bytes else FLOAT_GAP * size):
            raise ExportError(
                f"the exported {part.task} graph differs from the network by {gap:g}, allowed is "
                f"{1 if is_bytes else FLOAT_GAP * size:g}; nothing written"
            )
        worst = max(worst, gap)
    return {
        "max_error": round(worst, 7),
        "sizes": [list(next(iter(feed.values())).shape) for feed in part.feeds],
        **_RAN_ON,
    }


@torch.no_grad()
def _run_torch(net: FrameNet, frames: Sequence[Frame], noise: float | None) -> Iterator[Frame]:
    """Runs frames uint8 H×W×3 BGR through the torch network, padded and cropped as in the graph; a recurrent one with
    its states. noise: the level, for a network that takes one."""
    states = None
    for frame in frames:
        height, width = frame.shape[:2]
        x = to_tensor(torch.from_numpy(frame[None]))  # 1 3 H W
        x = F.pad(x, (0, -width % net.multiple, 0, -height % net.multiple), mode="replicate")
        level = None if noise is None else torch.tensor([noise])
        if net.states:
            restored, states = net(x, states, level)
        else:
            restored = net(x) if level is None else net(x, level)
        yield to_frames(restored)[0][: height * net.scale, : width * net.scale]


def _run_graph(
    session: ort.InferenceSession, net: FrameNet, frames: Sequence[Frame], noise: float | None
) -> Iterator[Frame]:
    """Runs the same frames through the exported graph."""
    given = {} if noise is None else {"noise": np.array(noise, np.float32)}
    vectors = [Vector({"frame": frame[None], **given}, {}, follows=n > 0) for n, frame in enumerate(frames)]
    for outputs in run_vectors(session, vectors, RecurrentState(net.states, net.multiple)):
        yield outputs["image"][0]
