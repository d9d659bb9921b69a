"""Where in a latent space to look: random places, a grid over a plane, the way between two places."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from nitido.errors import FrameMismatch
from nitido.latent.autoencoder import CHUNK, Decoder
from nitido.latent.space import LatentSpace, Vectors
from nitido.wording import count

PATHS = ("linear", "spherical")
_ALIGNED = 1e-4  # radians: below it, and as close to the opposite, a sphere gives no direction to go


def draw(
    space: LatentSpace, count: int, rng: np.random.Generator | int | None = None, *, temperature: float = 1.0
) -> Vectors:
    """``count`` random latents, float32 N×d: standard normal ones where the model was trained for that, else normal
    ones with the mean and standard deviation of the training set's.

    rng: a generator, a seed, or ``None`` for others every time. temperature: how far they spread; below 1 more ordinary
    results, above 1 rarer ones. Raises ``FrameMismatch`` for a negative count or temperature.
    """
    if count < 0 or temperature < 0:
        raise FrameMismatch(f"expected a count and a temperature from 0 on, found {count} and {temperature}")
    noise = np.random.default_rng(rng).standard_normal((count, space.size)) * temperature
    return _placed(space, noise)


def manifold(space: LatentSpace, side: int, axes: tuple[int, int] = (0, 1), *, temperature: float = 1.0) -> Vectors:
    """A grid of ``side`` × ``side`` latents over a plane of the space, float32 side²×d, row by row: along a row the
    first of ``axes`` grows, from the lowest row to the top one the second.

    The places are quantiles of a normal distribution, at 0.5/side, 1.5/side, … 1 - 0.5/side, so that every picture
    stands for the same share of it (Kingma and Welling, Auto-Encoding Variational Bayes, 2014). They and the other
    axes are those of a standard one, around 0, or where the model was not trained for that of one with the mean and
    standard deviation of the training set's. Raises ``FrameMismatch`` for axes that the space does not have.
    """
    if side < 1 or len({*axes}) != 2 or not all(0 <= axis < space.size for axis in axes):
        raise FrameMismatch(
            f"expected a side from 1 on and two different axes of 0 to {space.size - 1}, found {side} and "
            f"{', '.join(map(str, axes))}"
        )
    normal = NormalDist()
    places = np.array([normal.inv_cdf((i + 0.5) / side) for i in range(side)]) * temperature
    noise = np.zeros((side, side, space.size))
    noise[:, :, axes[0]] = places[None, :]
    noise[:, :, axes[1]] = places[::-1, None]
    return _placed(space, noise.reshape(side * side, space.size))


def between(start: Vectors, end: Vectors, steps: int, path: str = "linear") -> Vectors:
    """``steps`` latents from ``start`` to ``end``, both included, float32 steps×d; the two are float32 d or 1×d.

    path: ``linear``, or ``spherical``: along the great circle, the length changing evenly, which stays where latents of
    a normal distribution in many dimensions lie (White, Sampling Generative Networks, 2016). Where the two point the
    same or the opposite way there is no such circle, and the way is the straight one. Raises ``FrameMismatch``.
    """
    if steps < 2 or path not in PATHS:
        raise FrameMismatch(f"expected two steps or more on a path {' or '.join(PATHS)}, found {steps} on '{path}'")
    a, b = np.asarray(start, np.float64).reshape(-1), np.asarray(end, np.float64).reshape(-1)
    if a.shape != b.shape:
        raise FrameMismatch(f"expected two latents of one size, found {a.size} and {count(b.size, 'number')}")
    share = np.linspace(0.0, 1.0, steps)[:, None]
    straight = (1 - share) * a + share * b
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    if path == "linear" or min(lengths) == 0:
        return straight.astype(np.float32)
    angle = float(np.arccos(np.clip(a / lengths[0] @ (b / lengths[1]), -1.0, 1.0)))
    if not _ALIGNED < angle < np.pi - _ALIGNED:
        return straight.astype(np.float32)
    direction = (np.sin((1 - share) * angle) * a / lengths[0] + np.sin(share * angle) * b / lengths[1]) / np.sin(angle)
    return (direction * ((1 - share) * lengths[0] + share * lengths[1])).astype(np.float32)


def labels_in_turn(space: LatentSpace, count: int) -> NDArray[np.int64] | None:
    """int64 N: the classes one after the other, over and over; ``None`` for a model without classes."""
    return np.arange(count, dtype=np.int64) % len(space.labels) if space.labels else None


def decode_each(
    decoder: Decoder, z: Vectors, labels: NDArray[np.int64] | int | str | None = None
) -> Iterator[NDArray[np.uint8]]:
    """What the latents N×d decode to, one by one as they are drawn: pictures uint8 H×W×3 BGR or notes uint8 T. However
    many there are, only some are in memory. labels: as a decoder takes them. Raises as calling the decoder does."""
    for start in range(0, len(z), CHUNK):
        part = slice(start, start + CHUNK)
        yield from decoder(z[part], labels[part] if isinstance(labels, np.ndarray) else labels)


def _placed(space: LatentSpace, noise: NDArray[np.float64]) -> Vectors:
    """Standard normal numbers N×d as latents."""
    return np.asarray(noise if space.normal else space.mean + noise * space.std, np.float32)
