"""The exported graph against the network it was made from, on frames of awkward sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime as ort
import torch
import torch.nn.functional as F

from nitido.errors import ExportError
from nitido_train.data import to_tensor
from nitido_train.metrics import psnr
from nitido_train.nets import FrameNet
from nitido_train.validate import to_pictures

SIZES = ((1, 1), (7, 5), (64, 64), (97, 131))


def check_parity(net: FrameNet, model: bytes) -> dict[str, Any]:
    """Runs both on seeded random frames and returns {max_error (8-bit levels), psnr (dB), sizes, provider,
    onnxruntime}.

    The torch side is the training-time network, branches and all, so this also proves their collapse.
    Raises ``ExportError`` when a byte differs by more than one: the two round the same real number, and one
    level is what float32 in another order of summation can move it across a rounding boundary.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 3  # it warns that "strength" is no constant, which is its purpose
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    worst, lowest = 0, float("inf")
    for height, width in SIZES:
        # Smooth ramps with noise on them: pure noise would never leave the clipped range.
        ramp = np.linspace(20, 235, height * width * 3).reshape(height, width, 3)
        frame = np.clip(ramp + rng.normal(0, 25, ramp.shape), 0, 255).astype(np.uint8)
        expected = _run_torch(net, frame)
        found = np.asarray(session.run(["image"], {"frame": frame[None]})[0])[0]
        worst = max(worst, int(np.abs(expected.astype(int) - found.astype(int)).max()))
        lowest = min(lowest, psnr(expected, found))
    if worst > 1:
        raise ExportError(
            f"the exported graph differs from the network by {worst} of 255 levels (expected <= 1); nothing written"
        )
    return {
        "max_error": worst,
        "psnr": None if lowest == float("inf") else round(lowest, 2),
        "sizes": [list(size) for size in SIZES],
        "provider": "CPUExecutionProvider",
        "onnxruntime": ort.__version__,
    }


@torch.no_grad()
def _run_torch(net: FrameNet, frame: np.ndarray) -> np.ndarray:
    height, width = frame.shape[:2]
    x = to_tensor(torch.from_numpy(frame[None]))  # 1 3 H W
    x = F.pad(x, (0, -width % net.grid, 0, -height % net.grid), mode="replicate")
    return to_pictures(net.eval()(x))[0][: height * net.scale, : width * net.scale]
