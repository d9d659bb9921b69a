"""Models of other tools in the forms that they are exported in, understood and wrapped."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from nitido.errors import ExportError, FrameMismatch
from nitido.frames import Frame
from nitido.inference.model import Model, load
from nitido_export.adoption import quantize, shapes
from nitido_export.adoption.adopt import Adoption, Asked, draft_adopted, understand
from nitido_export.adoption.foreign import Foreign, Runner, read_foreign
from nitido_export.adoption.pictures import Pictures
from nitido_export.adoption.reach import derived_reach
from nitido_export.adoption.shapes import find_shapes
from nitido_export.adoption.write import write_adopted
from nitido_export.draft import ReleaseInfo
from nitido_export.quantization.guard import QualityGuard
from nitido_export.quantization.timing import Comparison
from nitido_train.data.degrade import gaussian_at
from nitido_train.evaluation.conditions import conditions_of, read_pictures
from nitido_train.evaluation.metrics import psnr
from support.foreign_models import Form, write_foreign
from support.foreign_networks import Compact, Luma, Strided, Unpadded, Weighing, Windowed, write_network

INFO = ReleaseInfo("MIT", "not stated")
PLAIN = Asked(range="0..1", colour="rgb")  # results of random weights show neither


def picture(height: int, width: int) -> Frame:
    return Pictures().canvas(height, width)


def adopted(path: Path, asked: Asked = Asked()) -> tuple[Adoption, Model]:  # noqa: B008
    adoption = understand(path, asked, Pictures())
    write_adopted(draft_adopted(adoption, "mine", INFO), path.with_name("mine.onnx"), INFO)
    return adoption, load(path.with_name("mine.onnx"), "cpu")


def gap(found: Frame, wanted: Frame) -> int:
    return int(np.abs(found.astype(int) - wanted.astype(int)).max())


@pytest.mark.slow
@pytest.mark.parametrize(
    "form",
    [
        Form("nhwc", "bgr", "0..255"),
        Form("nchw", "bgr", "-1..1"),
        Form(size=(64, 64), half=True),
    ],
    ids=["nhwc", "minus one", "fixed and half"],
)
def test_an_upscaler_is_found_out_and_does_what_it_did(form: Form, tmp_path: Path) -> None:
    adoption, model = adopted(write_foreign(tmp_path / "foreign.onnx", "upscale-x2-n", form))
    how = adoption.how
    assert (how.layout, how.colour, how.range, how.scale) == (form.layout, form.colour, form.range, 2)
    assert adoption.task == "upscale" and how.size is None and how.halo == 7
    frame = picture(61, 83)
    assert gap(model(frame), load("upscale-x2-n", "cpu")(frame)) <= 1
    assert gap(model(frame, tile=16), model(frame)) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("level", ["map", "scalar", "channel"])
def test_a_denoiser_with_a_noise_level_gets_that_of_the_contract(level: str, tmp_path: Path) -> None:
    form = Form(level=level, half=level == "scalar")
    asked = Asked(colour="rgb")  # its results are nearly as good with colours in the wrong order
    adoption, model = adopted(write_foreign(tmp_path / "foreign.onnx", "denoise-camera-n", form), asked)
    how = adoption.how
    assert how.level is not None and (how.level.kind, how.level.unit) == (level, "range")
    assert (how.range, how.multiple, adoption.task) == ("0..1", 2, "denoise")
    assert model.has_noise and model.has_strength
    noisy, shipped = gaussian_at(picture(60, 82), 0, 25), load("denoise-camera-n", "cpu")
    for noise in (5.0, 16.0, None):
        assert gap(model(noisy, noise=noise), shipped(noisy, noise=noise)) <= (2 if form.half else 1)
    assert model.noise_level(noisy) == pytest.approx(shipped.noise_level(noisy), rel=1e-3)
    assert gap(model(noisy, strength=0.0), noisy) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("net", "channels", "scale", "halo"),
    [(Compact(), 3, 4, 3), (Unpadded(), 3, 2, None), (Luma(), 1, 3, 3), (Strided(), 3, 1, None)],
    ids=["compact", "unpadded", "luma", "strided"],
)
def test_forms_of_other_tools_run_at_any_size_and_in_tiles(
    net: nn.Module, channels: int, scale: int, halo: int | None, tmp_path: Path
) -> None:
    path = write_network(tmp_path / "foreign.onnx", net, channels, opset=11 if scale == 4 else 17)
    asked = Asked(range="0..1", colour="rgb", task="reconstruct" if scale == 1 else None)
    adoption, model = adopted(path, asked)
    assert model.card.scale == scale and (halo is None or model.card.halo == halo)
    assert adoption.how.multiple == (8 if isinstance(net, Strided) else 1)
    for height, width in ((1, 1), (7, 5), (75, 98)):
        frame = picture(height, width)
        whole = model(frame)
        assert whole.shape == (scale * height, scale * width, 3)
        assert gap(model(frame, tile=24), whole) <= 1
    if scale > 1:  # the colours are where they were
        assert psnr(model(picture(60, 80))[::scale, ::scale], picture(60, 80)) > 20


@pytest.mark.slow
def test_a_model_of_one_size_runs_in_windows(tmp_path: Path) -> None:
    path = write_network(tmp_path / "foreign.onnx", Windowed(), free=False)
    adoption, model = adopted(path, PLAIN)
    assert adoption.how.size == (64, 64) and adoption.how.multiple == 8
    frame = picture(70, 101)
    whole = model(frame)
    assert whole.shape == (140, 202, 3)
    assert gap(model(frame, tile=48), whole) <= 1
    two = model(np.stack([frame, frame[::-1]]))
    assert gap(two[0], whole) == 0


def test_a_model_that_looks_at_the_whole_frame_is_never_tiled(tmp_path: Path) -> None:
    _, model = adopted(write_network(tmp_path / "foreign.onnx", Weighing()), PLAIN)
    assert model.card.halo == -1
    assert model(picture(40, 50)).shape == (80, 100, 3)
    with pytest.raises(FrameMismatch, match="looks at whole frames"):
        model(picture(40, 50), tile=16)
    fixed = write_network(tmp_path / "fixed.onnx", WeighingWindows(), free=False)
    with pytest.raises(ExportError, match="export it with free height and width"):
        understand(fixed, PLAIN, Pictures())


def test_a_mean_over_the_frame_counts_also_behind_an_operator_that_is_not_known(tmp_path: Path) -> None:
    class Averaging(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            padded = nn.functional.pad(x, (1, 1, 1, 1), "replicate")
            return padded[:, :, 1:-1, 1:-1] - 0.1 * padded.mean((2, 3), keepdim=True)

    class OverChannels(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.pad(x, (1, 1, 1, 1), "replicate")[:, :, 1:-1, 1:-1] - x.mean(1, keepdim=True)

    assert derived_reach(read_foreign(write_network(tmp_path / "whole.onnx", Averaging()))) == math.inf
    assert derived_reach(read_foreign(write_network(tmp_path / "pixel.onnx", OverChannels()))) is None


def test_a_file_that_opens_at_its_own_size_only_gets_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Strict(Runner):
        def __init__(self, foreign: Foreign, *, fixed: bool = False) -> None:
            if not fixed:
                raise ExportError("a constant does not fit")
            super().__init__(foreign, fixed=True)

    monkeypatch.setattr(shapes, "Runner", Strict)
    how, _, _ = find_shapes(read_foreign(write_network(tmp_path / "foreign.onnx", Windowed(), free=False)))
    assert (how.size, how.scale) == ((64, 64), 2)


class WeighingWindows(nn.Module):
    """Of one size, and looks at all of it."""

    def __init__(self) -> None:
        super().__init__()
        self.windows, self.weighing = Windowed(), Weighing()

    def forward(self, x: Tensor) -> Tensor:
        return self.windows(x) + self.weighing(x) - self.windows(x) * 0.5


def test_what_stays_unsure_is_an_error_that_names_the_option(tmp_path: Path) -> None:
    path = write_network(tmp_path / "foreign.onnx", Tinted())
    with pytest.raises(ExportError, match=r"the order of colours could not be determined.*set it with --colour"):
        understand(path, Asked(range="0..1"), Pictures())


def test_what_makes_no_difference_is_not_asked_for(tmp_path: Path) -> None:
    path = write_network(tmp_path / "foreign.onnx", nn.Upsample(scale_factor=2, mode="nearest"))
    findings = {finding.what: finding for finding in understand(path, Asked(), Pictures()).findings}
    assert findings["range"].reason == findings["colour"].reason == "makes no difference"


def test_a_file_that_promises_its_inputs_among_its_constants_is_read(tmp_path: Path) -> None:
    """Up to IR 3 every constant is an input as well."""
    path = write_network(tmp_path / "foreign.onnx", Compact(2), opset=9)
    model = onnx.load(str(path))
    model.ir_version = 3
    for tensor in model.graph.initializer:
        model.graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    path.write_bytes(model.SerializeToString())
    assert understand(path, PLAIN, Pictures()).how.scale == 2


def test_nodes_without_names_of_their_own_get_them(tmp_path: Path) -> None:
    path = write_network(tmp_path / "foreign.onnx", Compact(2))
    model = onnx.load(str(path))
    for number, node in enumerate(model.graph.node):
        node.name = "" if number % 2 else "twice"
    path.write_bytes(model.SerializeToString())
    names = [node.name for node in read_foreign(path).model.graph.node]
    assert len(set(names)) == len(names) and all(name.startswith("foreign.") for name in names)


def test_several_outputs_are_refused(tmp_path: Path) -> None:
    path = write_network(tmp_path / "foreign.onnx", Compact(2))
    model = onnx.load(str(path))
    model.graph.output.append(model.graph.input[0])
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ExportError, match=r"has outputs output, input: expected a model from picture to picture"):
        understand(path, PLAIN, Pictures())


class Tinted(nn.Module):
    """As good for colours in either order, and not the same."""

    def forward(self, x: Tensor) -> Tensor:
        tint = 0.05 * (x[:, :1] - x[:, 2:])
        chequered = nn.functional.pixel_shuffle(torch.cat([tint, -tint, -tint, tint], 1), 2)
        return nn.functional.interpolate(x, scale_factor=2, mode="nearest") + chequered


@pytest.mark.slow
def test_int8_is_measured_and_refused_when_it_loses_too_much(photos: Path, tmp_path: Path) -> None:
    path = write_foreign(tmp_path / "foreign.onnx", "upscale-x2-n", Form())
    for other in sorted(photos.iterdir())[1:]:
        other.unlink()
    adoption = understand(path, Asked(range="0..1", colour="rgb", halo=8), Pictures())
    finished = draft_adopted(adoption, "mine", INFO)
    with pytest.raises(ExportError, match="-1 dB cannot be met: the best int8 model loses"):
        quantize.quantize_measured(adoption, finished, INFO, photos, [photos], -1.0)
    with finished.opened() as reference:
        guard = QualityGuard(0.3, {"photos": conditions_of(photos, "upscale", 2)}, reference)
        made = quantize.quantize_adopted(
            adoption, "mine", INFO, guard, read_pictures(photos), time=lambda *_: Comparison(2.0, 1.0, 2.0)
        )
    card = made.card
    assert card.precision == "int8" and card.quantization["drop"] <= 0.3 and card.quantization["speedup"] == 2.0
    kinds = {node.op_type for node in made.graph.graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds
    with made.opened() as model:
        assert psnr(model(picture(50, 60)), load("upscale-x2-n", "cpu")(picture(50, 60))) > 38
