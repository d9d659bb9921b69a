"""Chooses latents: random ones, a grid over a plane, a path between two latents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from nitido.errors import FrameMismatch
from nitido.latent.autoencoder import CHUNK, Decoder
from nitido.latent.space import Labels, LatentSpace, Vectors
from nitido.wording import count

PATHS = ("linear", "spherical", "data")
_ALIGNED = 1e-4  # radians: below this angle, and as close to the opposite direction, a path on a sphere is not defined


def draw(
    space: LatentSpace, count: int, rng: np.random.Generator | int | None = None, *, temperature: float = 1.0
) -> Vectors:
    """Draws random latents, float32 N×d.

    They are standard normal if the model was trained for that. Otherwise they have the mean and standard deviation of
    the training set.

    Args:
        space: of a decoder or encoder.
        count: N.
        rng: a generator or a seed; ``None`` gives different ones every time.
        temperature: how far the latents spread. Below 1 results are more ordinary, above 1 rarer.

    Raises:
        FrameMismatch: a negative count or temperature.
    """
    if count < 0 or temperature < 0:
        raise FrameMismatch(f"expected a count and a temperature from 0 on, found {count} and {temperature}")
    noise = np.random.default_rng(rng).standard_normal((count, space.size)) * temperature
    return _placed(space, noise)


def sample_latents(
    decoder: Decoder,
    count: int,
    rng: np.random.Generator | int | None = None,
    labels: Labels = None,
    *,
    temperature: float = 1.0,
) -> Vectors:
    """``count`` random latents, float32 N×d, distributed like those of the training set if the decoder has a second
    stage, or else as in :func:`draw`.

    labels: as a decoder takes them. rng, temperature: as of :func:`draw`. Raises ``FrameMismatch``.
    """
    if not decoder.has_second_stage:
        return draw(decoder.space, count, rng, temperature=temperature)
    noise = draw(_standard(decoder.space), count, rng, temperature=temperature)
    if not decoder.has_way_back and temperature > 0:
        noise[:, 0] /= temperature  # this number chooses a component of the mixture
    return decoder.from_normal(noise, labels)


def manifold_latents(
    decoder: Decoder, side: int, axes: tuple[int, int] = (0, 1), labels: Labels = None, *, temperature: float = 1.0
) -> Vectors:
    """:func:`manifold`. If the decoder's second stage is a flow, a grid over a plane of its normal distribution; with
    two dimensions, every place then stands for the same share of the training set."""
    if not decoder.has_way_back:
        return manifold(decoder.space, side, axes, temperature=temperature)
    return decoder.from_normal(manifold(_standard(decoder.space), side, axes, temperature=temperature), labels)


def path_latents(
    decoder: Decoder, start: Vectors, end: Vectors, steps: int, labels: Labels = None, path: str | None = None
) -> Vectors:
    """:func:`between` with one more path: ``data`` follows a great circle in the normal distribution of the decoder's
    second stage, so all latents on the path look like those of the training set.

    path: default: ``data`` if the decoder's second stage is a flow, else ``spherical`` for a model with a normal prior,
    else ``linear``. Raises ``FrameMismatch``, also for ``data`` without a second stage.
    """
    path = path or default_path(decoder)
    if path != "data":
        return between(start, end, steps, path)
    ends = decoder.to_normal(np.stack([np.reshape(start, -1), np.reshape(end, -1)]), labels)
    return decoder.from_normal(between(ends[0], ends[1], steps, "spherical"), labels)


def default_path(decoder: Decoder) -> str:
    """The default path of :func:`path_latents`."""
    if decoder.has_way_back:
        return "data"
    return "spherical" if decoder.space.normal else "linear"


def manifold(space: LatentSpace, side: int, axes: tuple[int, int] = (0, 1), *, temperature: float = 1.0) -> Vectors:
    """A grid of ``side`` × ``side`` latents over a plane of the space, float32 side²×d, row by row.

    Along a row the first axis grows; from the lowest row to the top row the second one grows. The places are quantiles
    of a normal distribution (0.5/side, 1.5/side, … 1 - 0.5/side), so every picture stands for the same share of it
    (Kingma and Welling, Auto-Encoding Variational Bayes, 2014). The distribution is the standard one if the model was
    trained for that, otherwise one with the mean and standard deviation of the training set.

    Args:
        space: of a decoder or encoder.
        side: latents in a row and in a column.
        axes: numbers of the two axes that vary; the others keep their mean.
        temperature: how far the latents spread.

    Raises:
        FrameMismatch: the space does not have these axes.
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
    """Interpolates between two latents; both ends are included. Returns float32 steps×d.

    Args:
        start: float32, d or 1×d.
        end: float32, d or 1×d.
        steps: number of latents.
        path: ``linear``, or ``spherical``: along the great circle, where latents of a normal distribution in many
            dimensions lie (White, Sampling Generative Networks, 2016). If the two point the same or the opposite way,
            the straight line is used.

    Raises:
        FrameMismatch: shapes, steps or path do not fit.
    """
    if steps < 2 or path not in PATHS[:2]:
        raise FrameMismatch(f"expected two steps or more on a path {' or '.join(PATHS[:2])}, found {steps} on '{path}'")
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
    """int64 N: the classes in turn, repeatedly; ``None`` for a model without classes."""
    return np.arange(count, dtype=np.int64) % len(space.labels) if space.labels else None


def decode_each(
    decoder: Decoder, z: Vectors, labels: NDArray[np.int64] | int | str | None = None
) -> Iterator[NDArray[np.uint8]]:
    """Decodes the latents N×d one by one: pictures uint8 H×W×3 BGR or notes uint8 T. Only some of them are in memory at
    a time. labels: as a decoder takes them. Raises the same errors as calling the decoder."""
    for start in range(0, len(z), CHUNK):
        part = slice(start, start + CHUNK)
        yield from decoder(z[part], labels[part] if isinstance(labels, np.ndarray) else labels)


def _standard(space: LatentSpace) -> LatentSpace:
    """The same space with standard normal latents, as before a second stage."""
    return replace(space, prior="normal")


def _placed(space: LatentSpace, noise: NDArray[np.float64]) -> Vectors:
    """Latents from standard normal numbers N×d."""
    return np.asarray(noise if space.normal else space.mean + noise * space.std, np.float32)
