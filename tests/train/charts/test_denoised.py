"""A denoising autoencoder shows what it restores, next to PCA and a median filter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from nitido_train.charts.denoised import denoised_figure
from nitido_train.charts.pca import principal_components
from nitido_train.nets.registry import build
from nitido_train.objectives.latents import LatentObjective
from nitido_train.objectives.options import RunOptions
from support.recipes import SIDE, tiny_latent, write_digits


def test_rows_are_damaged_restored_and_clean_pictures_with_their_psnr(tmp_path: Path) -> None:
    options = RunOptions(out=tmp_path, data=(write_digits(tmp_path / "digits", 40),), workers=0, accelerator="cpu")
    objective = LatentObjective(tiny_latent("denoising-autoencoder"), options)
    net = build(objective.recipe.net.kind, objective.recipe.net.options).eval()
    figure = objective.figures(net, torch.device("cpu"))["denoised"]
    assert figure.picture.shape == (5 * SIDE, len(objective.held_out) * SIDE, 3)
    assert "PCA of 3 components" in figure.caption and figure.caption.count(" dB)") == 4
    plain = LatentObjective(tiny_latent("autoencoder"), options)
    assert "denoised" not in plain.figures(build("autoencoder", plain.recipe.net.options).eval(), torch.device("cpu"))


def test_pca_restores_what_lies_in_its_components() -> None:
    rng = np.random.default_rng(0)
    clean = np.round(np.outer(rng.uniform(0.2, 1, 60), np.linspace(20, 250, 64))).astype(np.uint8).reshape(60, 8, 8, 1)
    noisy = np.clip(clean + rng.normal(0, 20, clean.shape), 0, 255).astype(np.uint8)
    components = principal_components([clean], 60, 64, 1)
    caption = denoised_figure(noisy, clean.copy(), clean, components).caption
    parts = [part for part in caption.split(",") if " dB)" in part]
    psnr = {part.split(" (")[0].split(": ")[-1].strip(): float(part.split("(")[1].split()[0]) for part in parts}
    assert psnr["restored by the network"] == 100
    assert psnr["PCA of 1 components"] > 30
