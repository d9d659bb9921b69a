"""Denoisers on noise as papers draw it: float values that are neither rounded nor clipped.

    python benchmarks/float_noise.py CHECKPOINT... --data CBSD68

Devices get bytes, so models are trained and compared on noise that is rounded and clipped to 0..255. Published tables
mostly are not, and unclipped noise is easier: what a pixel near black or white really was stays in it. Prints the PSNR
of each checkpoint both ways, with the same noise. Needs the extra ``train``.
"""

from __future__ import annotations

import statistics
from pathlib import Path

import click
import numpy as np
import torch

from nitido_train.checkpoint import load_checkpoint
from nitido_train.data.degrade import SIGMAS
from nitido_train.data.pictures import find_pictures, read_frame
from nitido_train.evaluation.metrics import psnr
from nitido_train.nets.frame import FrameNet


@torch.inference_mode()
def restored(net: FrameNet, values: np.ndarray) -> np.ndarray:
    """Any values H×W×3 through a network, 0 for black and 255 for white; the result is clipped to these."""
    height, width = values.shape[:2]
    down, right = (-side % net.multiple for side in (height, width))
    padded = np.pad(values, ((0, down), (0, right), (0, 0)), mode="edge")
    given = torch.from_numpy(((padded - 128) / 255).astype(np.float32)).permute(2, 0, 1)[None]
    return np.clip((net(given)[0].permute(1, 2, 0).numpy() * 255 + 128)[:height, :width], 0, 255)


@click.command()
@click.argument("checkpoints", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True), help="Folder of clean pictures.")
def main(checkpoints: tuple[Path, ...], data: Path) -> None:
    frames = [frame for path in find_pictures([data]) if (frame := read_frame(path)) is not None]
    for path in checkpoints:
        net = load_checkpoint(path).frame_net().eval()
        for sigma in SIGMAS:
            scores: list[tuple[float, float]] = []
            for position, frame in enumerate(frames):
                rng = np.random.default_rng([sigma, position])
                noisy = frame + rng.standard_normal(frame.shape, dtype=np.float32) * np.float32(sigma)
                as_bytes = np.clip(np.rint(noisy), 0, 255)
                scores.append((psnr(frame, np.rint(restored(net, as_bytes))), psnr(frame, restored(net, noisy))))
            bytes_, floats = (statistics.fmean(side) for side in zip(*scores, strict=True))
            print(f"{path.stem:20} σ {sigma}: {bytes_:.2f} dB of bytes, {floats:.2f} dB of floats", flush=True)


if __name__ == "__main__":
    main()
