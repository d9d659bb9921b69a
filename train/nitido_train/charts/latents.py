"""Figures of a latent space: decoded pictures, the positions of examples, and the reconstruction error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import torch
from numpy.typing import NDArray

from nitido_train.charts.figures import Figure, Table, grid
from nitido_train.charts.pca import (
    Error,
    ErrorMeter,
    affordable,
    pca_errors,
    principal_components,
    sizes_up_to,
    unit,
)
from nitido_train.charts.plots import pca_chart, scatter
from nitido_train.data.examples import Bytes, Examples
from nitido_train.nets.latent import LatentNet
from nitido_train.tensors import from_logits, to_tensor

AT_ONCE = 500
PAGE = 1300  # approximate width of a page of pictures, in pixels
SCATTERED = 3000  # latents in a scatter
INHABITED = 1000  # latents whose quantiles define the grid
FEW = 200  # held-out examples; where there are fewer, the scatter has training examples, too
LARGEST = 128  # components of PCA in the curve
SEED = 20


@dataclass(frozen=True)
class Passed:
    """Pictures uint8 n×H×W×C, their latent means n×d, and their reconstructions uint8 n×H×W×C."""

    pictures: Bytes
    latents: NDArray[np.float32]
    restored: Bytes


@torch.no_grad()
def passed(net: LatentNet, examples: Examples, device: torch.device) -> Iterator[Passed]:
    """Reconstructions of all examples from the mean of the latent. The examples are not damaged, as they are in the
    training of some kinds."""
    for start in range(0, len(examples), AT_ONCE):
        numbers = np.arange(start, min(len(examples), start + AT_ONCE))
        pictures = examples.pictures(numbers)
        given = to_tensor(torch.from_numpy(pictures)).to(device)
        still = torch.zeros(len(numbers), net.latent, device=device)
        passage = net(given, torch.from_numpy(examples.labels[numbers]).to(device), still)
        yield Passed(pictures, passage.mean.cpu().numpy(), from_logits(passage.logits))


@torch.no_grad()
def decode_latents(net: LatentNet, z: NDArray[np.float32], labels: NDArray[np.int64], device: torch.device) -> Bytes:
    """Pictures uint8 N×H×W×C of latents N×d. labels: N, for a ``cvae``."""
    parts = []
    for start in range(0, len(z), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        condition = net.condition(torch.from_numpy(labels[part]).to(device))
        parts.append(from_logits(net.decoder(torch.from_numpy(z[part]).to(device), condition)))
    return np.concatenate(parts)


def latent_figures(net: LatentNet, examples: Examples, held_out: Examples, device: torch.device) -> dict[str, Figure]:
    """All figures of a network that was trained on ``examples``: ``manifold``, ``samples``, ``latents``, ``pca``."""
    found = decoded_figures(net, held_out, device)
    found["latents"] = placed_figure(net, examples, held_out, device)
    linear = pca_figure({net.kind: [net_error(net, held_out, device)]}, examples, held_out)
    return found | ({"pca": linear} if linear else {})


def decoded_figures(net: LatentNet, examples: Examples, device: torch.device) -> dict[str, Figure]:
    """``manifold``: a regular grid of latents, decoded. ``samples``: random latents, decoded.

    examples: their latents show which part of the space is in use.
    """
    latents = latents_of(net, _thinned(examples, INHABITED), device)
    side = max(net.height, net.width)
    steps = int(np.clip(PAGE // side, 8, 20))
    number = int(np.clip(PAGE // side, 5, 10))
    return {"manifold": _manifold(net, latents, steps, device), "samples": _samples(net, latents, number, device)}


def placed_figure(net: LatentNet, examples: Examples, held_out: Examples, device: torch.device) -> Figure:
    """Where held-out examples lie in the latent space. If these are few, training examples are shown too."""
    parts = [_thinned(held_out)] if len(held_out) >= FEW else [held_out, _thinned(examples)]
    latents = np.concatenate([latents_of(net, part, device) for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    names = held_out.names if held_out.names == examples.names else examples.names
    what = "held-out pictures" if len(parts) == 1 else "held-out and training pictures"
    by = ", coloured by label" if len(names) > 1 else ""
    axes = "" if net.latent <= 2 else f": the first two principal components of {net.latent} dimensions"
    return Figure(scatter(latents, labels, names), f"Latents of {len(latents):,} {what}{by}{axes}.", chart=True)


def latents_of(net: LatentNet, examples: Examples, device: torch.device) -> NDArray[np.float32]:
    """Latent means N×d."""
    return np.concatenate([p.latents for p in passed(net, examples, device)])


def net_error(net: LatentNet, held_out: Examples, device: torch.device) -> Error:
    """Error of the reconstructions of held-out pictures, rounded to bytes as an exported model returns them."""
    meter = ErrorMeter()
    for part in passed(net, held_out, device):
        meter.add(unit(part.restored), unit(part.pictures))
    return meter.error(net.latent)


def pca_figure(nets: Mapping[str, list[Error]], examples: Examples, held_out: Examples) -> Figure | None:
    """Networks, by name, compared with PCA of the same training examples on the same held-out ones.

    ``None`` where there are too few examples for two components.
    """
    values = held_out.pictures([0])[0].size
    fitted_on = affordable(examples, values)
    sizes = sizes_up_to(LARGEST, *(error.latent for errors in nets.values() for error in errors))
    components = principal_components(_batches(fitted_on), len(fitted_on), values, max(sizes))
    pca = pca_errors(components, _batches(held_out), sizes)
    if not pca:
        return None
    caption = (
        f"Reconstruction error of {len(held_out):,} held-out pictures, undamaged and of values 0..1, against that of "
        f"scikit-learn's PCA with as many components, fitted to {len(fitted_on):,} pictures of the same training split."
    )
    return Figure(pca_chart(pca, nets), caption, chart=True, table=comparison(pca, nets))


def comparison(pca: list[Error], nets: Mapping[str, list[Error]]) -> Table:
    """A row for each size of PCA. Where there are networks of that size, a row for each of them."""
    table: Table = [["latent", "MSE", "of PCA", "PCA : net", "PSNR", "of PCA", "network"]]
    for linear in pca:
        mse, psnr = f"{linear.mse:.5f}", f"{linear.psnr:.2f} dB"
        same = [(name, e) for name, errors in nets.items() for e in errors if e.latent == linear.latent]
        for name, e in same:
            ratio = f"{linear.mse / e.mse:.2f}" if e.mse else "∞"
            table.append([str(e.latent), f"{e.mse:.5f}", mse, ratio, f"{e.psnr:.2f} dB", psnr, name])
        if not same:
            table.append([str(linear.latent), "", mse, "", "", psnr, ""])
    return table


def _manifold(net: LatentNet, latents: NDArray[np.float32], steps: int, device: torch.device) -> Figure:
    centre = np.zeros(net.latent) if net.has_prior else latents.mean(0)
    widest = np.argsort(latents.std(0))[::-1]
    levels = (np.arange(steps) + 0.5) / steps
    if net.kind == "cvae":
        rows = min(len(net.labels), 20)
        z = np.tile(centre, (rows, steps, 1)).astype(np.float32)
        z[:, :, widest[0]] = _quantiles(net, latents, int(widest[0]), levels)
        labels = np.repeat(np.arange(rows), steps)
        caption = f"A row for each label, z_{widest[0]} growing from left to right, all other latents at 0."
        return Figure(grid(decode_latents(net, z.reshape(-1, net.latent), labels, device), steps), caption)
    across, up = (0, min(1, net.latent - 1)) if net.latent <= 2 else (int(widest[0]), int(widest[1]))
    z = np.tile(centre, (steps, steps, 1)).astype(np.float32)
    z[:, :, up] = _quantiles(net, latents, up, levels)[::-1, None]
    z[:, :, across] = _quantiles(net, latents, across, levels)[None]
    pictures = decode_latents(net, z.reshape(-1, net.latent), np.zeros(steps * steps, np.int64), device)
    where = "the prior" if net.has_prior else "the pictures' own latents"
    caption = f"The decoder on a grid of quantiles of {where}: z_{across} grows to the right"
    caption += f", z_{up} upwards" if up != across else ""
    if net.latent > 2:
        caption += f" (the two dimensions that vary the most; the others at {'0' if net.has_prior else 'their mean'})"
    return Figure(grid(pictures, steps), f"{caption}.")


def _samples(net: LatentNet, latents: NDArray[np.float32], number: int, device: torch.device) -> Figure:
    z = np.random.default_rng(SEED).standard_normal((number * number, net.latent), np.float32)
    if not net.has_prior:
        z = z * latents.std(0) + latents.mean(0)
    labels = np.repeat(np.arange(number) % max(1, len(net.labels)), number)
    law = "the standard normal prior" if net.has_prior else "a normal distribution as wide as the pictures' latents"
    caption = f"Pictures of latents drawn from {law}" + (", a row for each label." if net.kind == "cvae" else ".")
    return Figure(grid(decode_latents(net, z, labels, device), number), caption)


def _quantiles(net: LatentNet, latents: NDArray[np.float32], axis: int, levels: NDArray[np.float64]) -> NDArray:
    if net.has_prior:
        return np.array([NormalDist().inv_cdf(float(level)) for level in levels])
    return np.quantile(latents[:, axis], levels)


def _batches(examples: Examples) -> Iterator[Bytes]:
    for start in range(0, len(examples), AT_ONCE):
        yield examples.pictures(np.arange(start, min(len(examples), start + AT_ONCE)))


def _thinned(examples: Examples, most: int = SCATTERED) -> Examples:
    stride = -(-len(examples) // most)
    return examples.where(np.arange(len(examples)) % stride == 0)
