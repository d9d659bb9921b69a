"""A classifier of MNIST's digits, for judging what generators of digits draw. It is not shipped.

    python benchmarks/digit_classifier.py DIGITS -o classifier.pt

DIGITS is the folder with MNIST's four files. Training takes a few minutes on one core; the last line printed is the
accuracy on the test set, which must be 99 % or more for the classifier to be written.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nitido_train.data.examples import Examples, Shape, read_examples
from nitido_train.tensors import to_unit

SHAPE = Shape(28, 28, 1)
FEATURES = 64
REQUIRED = 0.99


class DigitClassifier(nn.Module):
    """Digits N×1×28×28, 0..1, to logits N×10; ``features`` N×64 are what the last layer reads."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv2d(1, 24, 5, padding=2), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(24, 48, 3, padding=1), nn.BatchNorm2d(48), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(48, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(64 * 9, FEATURES), nn.ReLU()),
        )
        self.last = nn.Linear(FEATURES, 10)

    def features(self, digits: Tensor) -> Tensor:
        return self.body(digits)

    def forward(self, digits: Tensor) -> Tensor:
        return self.last(self.features(digits))


def shifted(digits: Tensor, generator: torch.Generator) -> Tensor:
    """The batch moved by up to two pixels."""
    down, right = torch.randint(-2, 3, (2,), generator=generator).tolist()
    return torch.roll(digits, (down, right), (2, 3))


def train(examples: Examples, epochs: int, batch: int = 128) -> DigitClassifier:
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    net = DigitClassifier()
    steps = epochs * (len(examples) // batch)
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps)
    for epoch in range(epochs):
        order = torch.randperm(len(examples), generator=generator).numpy()
        for start in range(0, len(order) - batch + 1, batch):
            numbers = order[start : start + batch]
            digits = shifted(to_unit(examples.pictures(numbers)), generator)
            loss = nn.functional.cross_entropy(net(digits), torch.from_numpy(examples.labels[numbers]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1} of {epochs}, loss {loss.item():.4f}", flush=True)  # pyright: ignore
    return net.eval()


@torch.no_grad()
def judge(net: DigitClassifier, pictures: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Classes int64 N and features float64 N×64 of pictures uint8 N×28×28×1."""
    classes: list[Tensor] = []
    features: list[Tensor] = []
    for start in range(0, len(pictures), 500):
        found = net.features(to_unit(pictures[start : start + 500]))
        features.append(found)
        classes.append(net.last(found).argmax(1))
    return torch.cat(classes).numpy(), torch.cat(features).double().numpy()


def test_set(digits: Path) -> Examples:
    """MNIST's 10,000 test digits."""
    return read_examples([next(digits.glob("t10k-images-idx3-ubyte*"))], SHAPE)


def load_classifier(path: Path) -> DigitClassifier:
    net = DigitClassifier()
    net.load_state_dict(torch.load(path, weights_only=True))
    return net.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("digits", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=4)
    arguments = parser.parse_args()
    net = train(read_examples([arguments.digits], SHAPE), arguments.epochs)
    test = test_set(arguments.digits)
    classes, _ = judge(net, test.pictures(np.arange(len(test))))
    accuracy = float((classes == test.labels).mean())
    print(f"accuracy on the test set: {accuracy:.4f}")
    if accuracy < REQUIRED:
        raise SystemExit(f"expected {REQUIRED} or more: train for more --epochs")
    torch.save(net.state_dict(), arguments.output)


if __name__ == "__main__":
    main()
