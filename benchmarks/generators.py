"""How good the generators are: what a classifier takes their samples for, and how far they are from real pictures.

    python benchmarks/generators.py DIGITS --classifier classifier.pt [MODEL...] [--json FILE]

DIGITS is the folder with MNIST's files; ``digit_classifier.py`` makes the classifier. For each model, 10,000 samples:

- of a conditional model, the share that is taken for the class that was asked for, in all and of the worst class; of
  others, how many classes there are among the samples, as the share of the rarest;
- the Fréchet distance between the classifier's 64 features of samples and of the 10,000 test digits (as Heusel and
  others, "GANs Trained by a Two Time-Scale Update Rule", 2017, with the features of another network). The floor is the
  distance of 10,000 training digits from the test digits;
- the largest and mean Kolmogorov-Smirnov distance, over the dimensions, of the encoder's latents of the test digits
  from the standard normal prior, and of the same latents after the way back through the second stage.

Each line of the table is one way to draw latents: the second stage of the file, a mixture of normal distributions with
full covariance fitted to the same latents (scikit-learn's, 32 components, 10 per class), and the prior that files
without a second stage are drawn from.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from digit_classifier import SHAPE, DigitClassifier, judge, load_classifier, test_set
from numpy.typing import NDArray
from scipy.stats import kstest
from sklearn.mixture import GaussianMixture

from nitido.latent.autoencoder import Decoder, Encoder, load_decoder, load_encoder
from nitido.latent.sampling import draw, sample_latents
from nitido_train.data.examples import Examples, read_examples

MODELS = ("vae-digits", "cvae-digits", "aae-digits", "autoencoder-digits")
COUNT = 10_000
Features = NDArray[np.float64]
Latents = NDArray[np.float32]


def frechet(a: Features, b: Features) -> float:
    """Fréchet distance of the normal distributions with the means and covariances of N×64 features."""
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    values, vectors = np.linalg.eigh(first)
    half = vectors * np.sqrt(values.clip(0)) @ vectors.T
    common = np.sqrt(np.linalg.eigvalsh(half @ second @ half).clip(0)).sum()
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(first) + np.trace(second) - 2 * common)


def real_pictures(examples: Examples, count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(N×28×28×1, labels) of ``count`` examples, evenly spaced."""
    numbers = np.linspace(0, len(examples) - 1, min(count, len(examples))).astype(np.int64)
    return examples.pictures(numbers), examples.labels[numbers]


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
    if asked is None:
        fitted = GaussianMixture(32, random_state=0, reg_covar=1e-4, max_iter=60).fit(latents)
        return fitted.sample(COUNT)[0].astype(np.float32)
    drawn = np.empty((COUNT, latents.shape[1]), np.float32)
    for number in range(10):
        fitted = GaussianMixture(10, random_state=0, reg_covar=1e-4, max_iter=60).fit(latents[labels == number])
        drawn[asked == number] = fitted.sample(int((asked == number).sum()))[0]
    return drawn


def measure(name: str, digits: Path, classifier: DigitClassifier, floor: float, real: Features) -> dict[str, Any]:
    encoder, decoder = load_encoder(name, "cpu"), load_decoder(name, "cpu")
    pictures, labels = real_pictures(read_examples([digits], SHAPE), COUNT)
    test_pictures, test_labels = real_pictures(test_set(digits), COUNT)
    asked = np.arange(COUNT) % 10
    told = asked if decoder.space.labels else None
    rows: list[dict[str, Any]] = []
    for way, z in ways_to_draw(decoder, encoded(encoder, pictures, labels, 0), labels):
        found, features = judge(classifier, np.ascontiguousarray(decoder(z, told)[..., :1]))
        row: dict[str, Any] = {"drawn from": way, "frechet": round(frechet(features, real), 2)}
        if told is not None:
            right = [float((found[asked == number] == number).mean()) for number in range(10)]
            row |= {"as asked": round(float(np.mean(right)), 4), "by class": [round(share, 3) for share in right]}
        else:
            row["share of classes"] = [round(float((found == number).mean()), 3) for number in range(10)]
        rows.append(row)
    z = encoded(encoder, test_pictures, test_labels, 1)
    distances = {"latents": ks_distances(z)}
    if decoder.has_second_stage:
        back = decoder.to_normal(z, test_labels if decoder.space.labels else None)
        distances["latents, back through the second stage"] = ks_distances(back)
    return {"model": name, "floor": round(floor, 2), "samples": rows, "ks": distances}


def ks_distances(z: Latents) -> dict[str, float]:
    """Largest and mean distance from a standard normal distribution, over the dimensions of N×d latents."""
    found = [float(kstest(column, "norm").statistic) for column in z.T]  # pyright: ignore[reportAttributeAccessIssue]
    return {"max": round(max(found), 4), "mean": round(float(np.mean(found)), 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("digits", type=Path)
    parser.add_argument("models", nargs="*", default=MODELS)
    parser.add_argument("--classifier", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    classifier = load_classifier(arguments.classifier)
    _, real = judge(classifier, real_pictures(test_set(arguments.digits), COUNT)[0])
    training, _ = real_pictures(read_examples([arguments.digits], SHAPE), COUNT)
    floor = frechet(judge(classifier, training)[1], real)
    print(f"10,000 training digits from the test digits: {floor:.2f}")
    results: list[dict[str, Any]] = []
    for name in arguments.models:
        result = measure(name, arguments.digits, classifier, floor, real)
        results.append(result)
        for row in result["samples"]:
            print(name, json.dumps(row), flush=True)
        print(name, "KS", json.dumps(result["ks"]), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
