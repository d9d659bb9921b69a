"""Small networks of the forms that other tools export, with random weights, as torch exports them."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def write_network(path: Path, net: nn.Module, channels: int = 3, *, free: bool = True, opset: int = 17) -> Path:
    """free: height and width are; else 64×64."""
    axes = {name: {0: "n", 2: f"{name}_h", 3: f"{name}_w"} for name in ("input", "output")} if free else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that needs no further package is an older one
        torch.onnx.export(
            net.eval(), (torch.rand(1, channels, 64, 64),), str(path), dynamo=False, input_names=["input"],
            output_names=["output"], dynamic_axes=axes, opset_version=opset,
        )  # fmt: skip
    return path


def conv(taken: int, given: int, kernel: int = 3, *, padding: int | None = None, gain: float = 1.0) -> nn.Conv2d:
    made = nn.Conv2d(taken, given, kernel, padding=kernel // 2 if padding is None else padding)
    with torch.no_grad():
        made.weight.mul_(gain)
    return made


class Compact(nn.Module):
    """As Real-ESRGAN's small ones: PReLU, pixel shuffle, nearest enlargement added."""

    def __init__(self, scale: int = 4) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.scale = scale
        self.body = nn.Sequential(
            conv(3, 16), nn.PReLU(16), conv(16, 16), nn.PReLU(16), conv(16, 3 * scale**2, gain=0.1)
        )
        self.shuffle = nn.PixelShuffle(scale)

    def forward(self, x: Tensor) -> Tensor:
        return self.shuffle(self.body(x)) + F.interpolate(x, scale_factor=self.scale, mode="nearest")


class Unpadded(nn.Module):
    """As waifu2x: convolutions without padding, so that results are smaller."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.body = nn.Sequential(conv(3, 16, padding=0), nn.LeakyReLU(0.1), conv(16, 16, padding=0), nn.LeakyReLU(0.1))
        self.up = nn.ConvTranspose2d(16, 3, 4, 2, 3)
        with torch.no_grad():
            self.up.weight.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        large = F.interpolate(x, scale_factor=2, mode="nearest")
        return self.up(self.body(x)) + large[:, :, 6:-6, 6:-6]


class Luma(nn.Module):
    """As ESPCN: one channel."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.body = nn.Sequential(conv(1, 16, 5), nn.Tanh(), conv(16, 9, gain=0.1), nn.PixelShuffle(3))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + F.interpolate(x, scale_factor=3, mode="nearest")


class Windowed(nn.Module):
    """As SwinIR: attention in windows of 8×8, whose number is a constant of the exported graph."""

    def __init__(self, channels: int = 8, side: int = 8) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.side = side
        self.first, self.keys = conv(3, channels), nn.Linear(channels, 3 * channels)
        self.last = nn.Sequential(conv(channels, 12, gain=0.3), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        count, depth, height, width = y.shape
        side = self.side
        windows = y.view(count, depth, height // side, side, width // side, side).permute(0, 2, 4, 3, 5, 1)
        query, key, value = self.keys(windows.reshape(-1, side * side, depth)).chunk(3, -1)
        seen = torch.softmax(query @ key.transpose(1, 2), -1) @ value
        seen = seen.view(count, height // side, width // side, side, side, depth).permute(0, 5, 1, 3, 2, 4)
        y = y + seen.reshape(count, depth, height, width)
        return self.last(y) + F.interpolate(x, scale_factor=2, mode="nearest")


class Weighing(nn.Module):
    """With channels that are weighed by their mean over the frame."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.first, self.weigh, self.last = conv(3, 8), nn.Conv2d(8, 8, 1), conv(8, 12, gain=0.1)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.first(x))
        y = y * torch.sigmoid(self.weigh(F.adaptive_avg_pool2d(y, 1)))
        return self.shuffle(self.last(y)) + F.interpolate(x, scale_factor=2, mode="nearest")


class Strided(nn.Module):
    """On a grid of 8 pixels; keeps the size."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(6)
        self.down, self.up = nn.Conv2d(3, 24, 8, 8), nn.ConvTranspose2d(24, 3, 8, 8)
        with torch.no_grad():
            self.up.weight.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.up(F.relu(self.down(x)))
