"""How likely a variational autoencoder finds pictures that it has never seen.

    python benchmarks/likelihood.py RUN_OR_CHECKPOINT --data t10k-images-idx3-ubyte.gz

Prints the evidence lower bound (Kingma and Welling, 2014) and the importance-weighted bound of K draws (Burda, Grosse,
Salakhutdinov, "Importance Weighted Autoencoders", 2016), which nears log p(x) as K grows; nats a picture, on pixels
binarized with a fixed seed. Published for a convention like this one, K = 5000: 86.76 nats for a VAE with 50 latent
dimensions and two hidden layers of 200 units (Burda et al., table 1); there is none known to us for two dimensions.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nitido_train.checkpoint import load_checkpoint
from nitido_train.data.batches import latent_batch
from nitido_train.data.examples import Shape, read_examples
from nitido_train.evaluation.latents import latent_passage
from nitido_train.evaluation.nats import kl_nats, reconstruction_nats
from nitido_train.nets.latent import LatentNet
from nitido_train.recipe.schema import LatentRecipe
from nitido_train.tensors import to_unit


@torch.no_grad()
def importance_bound(net: LatentNet, given: Tensor, target: Tensor, draws: int, generator: torch.Generator) -> float:
    """log 1/K Σ p(x, z_k) / q(z_k | x) for one picture: given 1×C×H×W, -0.5..0.5, target the same pixels as 0 and 1."""
    mean, log_var = net.encoder(given)
    logs: list[Tensor] = []
    for start in range(0, draws, 500):
        count = min(500, draws - start)
        noise = torch.randn(count, net.latent, generator=generator)
        z = mean + noise * torch.exp(0.5 * log_var)
        logits = net.decoder(z)
        pixels = -torch.nn.functional.binary_cross_entropy_with_logits(
            logits, target.expand_as(logits), reduction="none"
        ).sum((1, 2, 3))
        prior = -0.5 * (z**2).sum(1)
        posterior = -0.5 * (noise**2 + log_var).sum(1)  # both without (2π)^(d/2), which cancels
        logs.append(pixels + prior - posterior)
    return float(torch.logsumexp(torch.cat(logs), 0)) - math.log(draws)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="pictures of the test set")
    parser.add_argument("--draws", type=int, default=1000, help="K of the importance-weighted bound")
    parser.add_argument("--pictures", type=int, default=1000, help="how many get the importance-weighted bound")
    arguments = parser.parse_args()

    net = load_checkpoint(arguments.checkpoint).latent_net()
    if net.kind != "vae":
        parser.error(f"expected a vae, found a {net.kind}")
    asked = LatentRecipe(reconstruction="bce", binarize=True)
    examples = read_examples([arguments.data], Shape(net.height, net.width, net.channels))
    rng = np.random.default_rng(0)
    bound, kl, count = 0.0, 0.0, 0
    for start in range(0, len(examples), 500):
        batch = latent_batch(examples, np.arange(start, min(len(examples), start + 500)), asked, net.latent, rng)
        with torch.no_grad():
            passage = latent_passage(net, batch, torch.device("cpu"))
            assert passage.log_var is not None
            divergence = float(kl_nats(passage.mean, passage.log_var).mean())
            nats = float(reconstruction_nats(passage.logits, to_unit(batch.target), "bce", True))
        bound -= (nats + divergence) * len(batch.label)
        kl += divergence * len(batch.label)
        count += len(batch.label)
    evenly = np.linspace(0, len(examples) - 1, min(arguments.pictures, len(examples))).astype(np.int64)
    batch = latent_batch(examples, evenly, asked, net.latent, np.random.default_rng(1))
    target = to_unit(batch.target)
    generator = torch.Generator().manual_seed(2)
    bounds = [importance_bound(net, t[None] - 128 / 255, t[None], arguments.draws, generator) for t in target]
    result = {
        "checkpoint": str(arguments.checkpoint),
        "latent": net.latent,
        "elbo": round(bound / count, 2),
        "kl": round(kl / count, 2),
        "pictures": count,
        f"bound_of_{arguments.draws}_draws": round(float(np.mean(bounds)), 2),
        "standard_error": round(float(np.std(bounds) / math.sqrt(len(bounds))), 2),
        "pictures_with_draws": len(bounds),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
