"""Tunes to learn, and a network of melodies small enough to train or export within a test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from nitido_train.nets.melody import MelodyNet
    from nitido_train.recipe.schema import Recipe


def abc_of(*tunes: str) -> str:
    """Tunes as one file."""
    return "\n\n".join(f"X:{number}\nT:Tune {number}\n{tune}" for number, tune in enumerate(tunes, 1))


def write_tunes(folder: Path) -> Path:
    """Thirty tunes of four phrases: runs and broken chords up and down."""
    rng = np.random.default_rng(0)
    bars = ["cdef gfed", "cege cege", "g2e2 c2e2", "agfe d2c2", "c4 g4", "efga gfed", "d2f2 a2f2", "c'bag e2c2"]
    folder.mkdir()
    for number in range(30):
        strain = "|".join(bars[i] for i in rng.integers(0, len(bars), 8))
        (folder / f"{number:02}.abc").write_text(abc_of(f"M:C|\nL:1/8\nK:C\n{strain}|]"))
    return folder


def tiny_melody_recipe(**schedule: Any) -> Recipe:
    """A recipe for four bars and six latent dimensions."""
    from nitido_train.recipe.tables import recipe_from_dict

    return recipe_from_dict(
        {
            "name": "tiny-melody",
            "task": "autoencode",
            "summary": "for tests",
            "net": {
                "kind": "melody-vae",
                "options": {"steps": 32, "latent": 6, "beat": 8, "bar": 12, "hidden": 16},
            },
            "data": {"batch": 16},
            "latent": {"beta": 0.2, "beta_warmup": 4},
            "schedule": {"steps": 8, "warmup": 2, "validate_every": 4, **schedule},
        }
    )


def noisy_net(latent: int = 6) -> MelodyNet:
    """Untrained, with statistics and weights that show in the output."""
    import torch
    from torch import nn

    from nitido_train.nets.melody import MelodyNet

    torch.manual_seed(4)
    net = MelodyNet(steps=32, latent=latent, beat=8, bar=12, hidden=16)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
                module.weight.uniform_(0.5, 2.0)
                module.bias.normal_()
                assert module.running_mean is not None and module.running_var is not None
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2.0)
    return net.eval()
