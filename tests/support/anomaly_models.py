"""A model for anomalies whose heat can be worked out, and pictures for it: the model returns the mean of each 5×5."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from nitido.anomaly.reconstruction import Reconstruction
from nitido.anomaly.threshold import fit_threshold, write_fitted
from support.latent_models import graph_writer, write

SPOT = (slice(30, 33), slice(50, 53))


def write_smoothing_model(path: Path, task: str = "reconstruct") -> Path:
    """A model from frame to image, any size: each pixel becomes the mean of the 5×5 around it."""
    w = graph_writer()
    from onnx import TensorProto

    frame = w.input("frame", TensorProto.UINT8, ["N", "H", "W", 3])
    planes = w.op("Transpose", [w.op("Cast", [frame], "levels", to=TensorProto.FLOAT)], "planes", perm=[0, 3, 1, 2])
    means = w.op("AveragePool", [planes], "means", kernel_shape=[5, 5], pads=[2, 2, 2, 2])
    rounded = w.op("Cast", [w.op("Round", [means], "whole")], "bytes", to=TensorProto.UINT8)
    w.op("Transpose", [rounded], "image", perm=[0, 2, 3, 1])
    w.output("image", TensorProto.UINT8, ["N", "H", "W", 3])
    write(w.model(), path, task, {})
    return path


def good_picture(shade: int = 100, height: int = 64, width: int = 96) -> NDArray[np.uint8]:
    """A gentle slope from left to right."""
    row = np.linspace(shade, shade + 40, width).astype(np.uint8)
    return np.repeat(np.repeat(row[None, :, None], height, axis=0), 3, axis=2)


def faulty_picture(shade: int = 100) -> NDArray[np.uint8]:
    picture = good_picture(shade)
    picture[SPOT] = 250
    return picture


def write_good_pictures(folder: Path) -> Path:
    """Ten good pictures as files."""
    folder.mkdir()
    for shade in range(40, 140, 10):
        cv2.imwrite(str(folder / f"{shade}.png"), good_picture(shade))
    return folder


def write_part(model: Path, path: Path) -> Path:
    """The model with a threshold that is fitted on good pictures."""
    reconstruction = Reconstruction(model, "cpu")
    threshold = fit_threshold(reconstruction, [good_picture(shade) for shade in range(40, 140, 10)])
    (written,) = write_fitted(reconstruction, threshold, path)
    return written
