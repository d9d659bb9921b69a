"""Generators of digits: what a classifier takes samples for, and how far they are from the test digits."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from digit_classifier import SHAPE, DigitClassifier, judge, load_classifier, test_set
from numpy.typing import NDArray
from sklearn.mixture import GaussianMixture

from generation.distances import Features, frechet, ks_distances
from nitido.latent.autoencoder import Decoder, Encoder, load_decoder, load_encoder
from nitido.latent.sampling import draw, sample_latents
from nitido_train.data.examples import Examples, read_examples

MODELS = ("aae-digits", "autoencoder-digits", "cvae-digits", "vae-digits")
COUNT = 10_000
Latents = NDArray[np.float32]


@dataclass(frozen=True)
class Digits:
    """What generators are compared with.

    pictures, labels: of training digits, test_pictures, test_labels: of all test digits; uint8 N×28×28×1, int64 N.
    features: of the test digits. accuracy: of the classifier on them. floor: the distance of the training digits.
    """

    classifier: DigitClassifier
    pictures: NDArray[np.uint8]
    labels: NDArray[np.int64]
    test_pictures: NDArray[np.uint8]
    test_labels: NDArray[np.int64]
    features: Features
    accuracy: float
    floor: float


def read_digits(folder: Path, classifier_file: Path) -> Digits:
    """folder: with MNIST's files."""
    classifier = load_classifier(classifier_file)
    test_pictures, test_labels = real_pictures(test_set(folder), COUNT)
    pictures, labels = real_pictures(read_examples([folder], SHAPE), COUNT)
    classes, features = judge(classifier, test_pictures)
    accuracy = float((classes == test_labels).mean())
    floor = frechet(judge(classifier, pictures)[1], features)
    return Digits(classifier, pictures, labels, test_pictures, test_labels, features, accuracy, floor)


def real_pictures(examples: Examples, count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(N×28×28×1, labels) of ``count`` examples, evenly spaced."""
    numbers = np.linspace(0, len(examples) - 1, min(count, len(examples))).astype(np.int64)
    return examples.pictures(numbers), examples.labels[numbers]


def measure(name: str, digits: Digits) -> dict[str, Any]:
    """Figures of 10,000 samples for each way to draw latents, and how far the latents are from normal."""
    encoder, decoder = load_encoder(name, "cpu"), load_decoder(name, "cpu")
    asked = np.arange(COUNT) % 10
    told = asked if decoder.space.labels else None
    rows: list[dict[str, Any]] = []
    for way, z in ways_to_draw(decoder, encoded(encoder, digits.pictures, digits.labels, 0), digits.labels):
        found, features = judge(digits.classifier, np.ascontiguousarray(decoder(z, told)[..., :1]))
        row: dict[str, Any] = {"drawn from": way, "frechet": round(frechet(features, digits.features), 2)}
        by_class = [float((found == number).mean()) for number in range(10)]
        if told is not None:
            by_class = [float((found[asked == number] == number).mean()) for number in range(10)]
            row["as asked"] = round(float(np.mean(by_class)), 4)
        rows.append({**row, "by class": [round(share, 4) for share in by_class]})
    z = encoded(encoder, digits.test_pictures, digits.test_labels, 1)
    distances = {"latents": ks_distances(z)}
    if decoder.has_way_back:
        back = decoder.to_normal(z, digits.test_labels if decoder.space.labels else None)
        distances["back through the flow"] = ks_distances(back)
    return {"samples": rows, "ks": distances, "card": card_rows(rows, digits.floor)}


def card_rows(rows: list[dict[str, Any]], floor: float) -> list[dict[str, Any]]:
    """What the decoder's card says of samples, as rows of its evaluation."""
    made: list[dict[str, Any]] = []
    for row in rows:
        if row["drawn from"] == "mixture":
            continue  # of the benchmark, not of the file
        common = {"set": "samples", "baseline": None, "pictures": COUNT}
        way = row["drawn from"]
        distance = {"metric": "Fréchet distance", "value": row["frechet"], "floor": round(floor, 2)}
        made.append({**common, "condition": f"{way}, against MNIST test", **distance})
        if "as asked" in row:
            made.append({**common, "condition": way, "metric": "class as asked", "value": row["as asked"]})
        what = "worst class" if "as asked" in row else "rarest class"
        made.append({**common, "condition": way, "metric": what, "value": min(row["by class"])})
    return made


def encoded(encoder: Encoder, pictures: NDArray[np.uint8], labels: NDArray[np.int64], seed: int) -> Latents:
    """Latents as the decoder is trained on them: with the spread that a variational encoder gives each."""
    found = encoder(np.repeat(pictures, 3, axis=3), labels if encoder.space.labels else None)
    if found.log_var is None:
        return found.mean
    noise = np.random.default_rng(seed).standard_normal(found.mean.shape)
    return (found.mean + np.exp(0.5 * found.log_var) * noise).astype(np.float32)


def ways_to_draw(decoder: Decoder, latents: Latents, labels: NDArray[np.int64]) -> Iterator[tuple[str, Latents]]:
    """(name, latents N×d of classes in turn)."""
    asked = np.arange(COUNT) % 10
    if decoder.has_second_stage:
        told = asked if decoder.space.labels else None
        yield "second stage", sample_latents(decoder, COUNT, 0, told)
    yield "mixture", _mixture(latents, labels, asked if decoder.space.labels else None)
    yield "prior", draw(decoder.space, COUNT, 0)


def _mixture(latents: Latents, labels: NDArray[np.int64], asked: NDArray[np.int64] | None) -> Latents:
    # Covariances of float32 are symmetric to its precision only.
    warnings.filterwarnings("ignore", "covariance is not symmetric", RuntimeWarning)
    if asked is None:
        fitted = GaussianMixture(32, random_state=0, reg_covar=1e-4, max_iter=60).fit(latents)
        return fitted.sample(COUNT)[0].astype(np.float32)
    drawn = np.empty((COUNT, latents.shape[1]), np.float32)
    for number in range(10):
        fitted = GaussianMixture(10, random_state=0, reg_covar=1e-4, max_iter=60).fit(latents[labels == number])
        drawn[asked == number] = fitted.sample(int((asked == number).sum()))[0]
    return drawn
