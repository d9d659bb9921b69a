"""The generator of emoji: how far samples are from emoji that its training held out, and how many it has seen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.distances import sliced_wasserstein
from nitido.frames import Frame
from nitido.latent.autoencoder import load_decoder, load_encoder
from nitido.latent.sampling import draw, sample_latents
from nitido_train.data.examples import Examples, Shape, hold_out, read_examples

MODELS = ("vae-emoji",)
DRAWS = 5  # sets of samples, each as large as the held-out set


@dataclass(frozen=True)
class Emoji:
    """learnt, held_out: uint8 N×H×W×3 BGR, of the training and of its held-out tenth."""

    learnt: Frame
    held_out: Frame


def read_emoji(font: Path, name: str) -> Emoji:
    """font: that the model ``name`` was trained on."""
    space = load_decoder(name, "cpu").space
    learnt, held_out = hold_out(read_examples([font], Shape(space.height, space.width, space.channels)))
    return Emoji(_pictures(learnt), _pictures(held_out))


def _pictures(examples: Examples) -> Frame:
    return examples.pictures(np.arange(len(examples)))


def measure(name: str, emoji: Emoji) -> dict[str, Any]:
    """Figures of samples for each way to draw latents, of reconstructions, and of emoji to learn from."""
    encoder, decoder = load_encoder(name, "cpu"), load_decoder(name, "cpu")
    count = len(emoji.held_out)
    reconstructed = decoder(encoder(emoji.held_out).mean)
    alike = float(np.square(reconstructed - emoji.held_out.astype(np.float32)).mean())
    drawn = {"prior": draw(decoder.space, DRAWS * count, 0)}
    if decoder.has_second_stage:
        drawn = {"second stage": sample_latents(decoder, DRAWS * count, 0)} | drawn
    rows = [_row(way, decoder(z), emoji, alike) for way, z in drawn.items()]
    numbers = np.random.default_rng(0).permutation(len(emoji.learnt))[: DRAWS * count]
    floor = _row("emoji to learn from", emoji.learnt[numbers[: len(numbers) // count * count]], emoji, None)
    limits = [_row("held-out emoji, reconstructed", reconstructed, emoji, alike), floor]
    return {
        "samples": [*rows, *limits],
        "alike": round(alike, 1),
        "card": [_card_row(row, floor["distance"], DRAWS * count) for row in rows],
    }


def _card_row(row: dict[str, Any], floor: float, count: int) -> dict[str, Any]:
    """What the decoder's card says of samples, as a row of its evaluation."""
    return {
        "set": "samples",
        "condition": f"{row['drawn from']}, against held-out emoji",
        "metric": "sliced Wasserstein distance",
        "value": row["distance"],
        "floor": floor,
        "baseline": None,
        "pictures": count,
    }


def _row(way: str, pictures: Frame, emoji: Emoji, alike: float | None) -> dict[str, Any]:
    """alike: mean squared error below which a picture counts as one of the training's; ``None``: it is one."""
    count = len(emoji.held_out)
    sets = [pictures[start : start + count] for start in range(0, len(pictures), count)]
    distances = [sliced_wasserstein(part, emoji.held_out, seed) for seed, part in enumerate(sets)]
    seen = None if alike is None else round(float((nearest(pictures[:count], emoji.learnt) < alike).mean()), 4)
    return {"drawn from": way, "distance": round(float(np.mean(distances)), 1), "seen": seen}


def nearest(pictures: Frame, known: Frame) -> NDArray[np.float32]:
    """Mean squared error of each picture from the most similar one that is known."""
    rows, others = (p.reshape(len(p), -1).astype(np.float32) / 255 for p in (pictures, known))
    squares = (rows**2).sum(1)[:, None] + (others**2).sum(1) - 2 * rows @ others.T
    return squares.min(1) / rows.shape[1] * 255**2
