"""``nitido pack``: ORT format, what a minimal build needs, and the folder they come in. C: test_c_program."""

from __future__ import annotations

import errno
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import click
import numpy as np
import onnx
import onnxruntime as ort
import pytest

from nitido.errors import ExportError, ModelNotFound, NitidoError, SinkUnavailable
from nitido.inference.model import load
from nitido.model_file import zoo
from nitido_export.cli.pack import pack
from nitido_export.pack import cold_start, minimal_build, ort_format
from nitido_export.pack.write import TARGETS, write_pack
from support.commands import nitido
from support.paths import ROOT

TEMPLATES = ROOT / "export" / "nitido_export" / "pack" / "templates"

FRAME_MODELS = [entry for entry in zoo.entries() if entry.takes_frames]


def with_metadata(model: Path, target: Path, key: str, value: str) -> Path:
    proto = onnx.load(str(model))
    next(entry for entry in proto.metadata_props if entry.key == key).value = value
    onnx.save(proto, str(target))
    return target


def test_the_command_writes_and_says_what_it_measured(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    model, out = tiny_models["denoise"], tmp_path / "out"
    run = nitido("pack", model, "--target", "ort", "-o", out, "--runs", "1")
    assert (run.returncode, run.stderr) == (0, "")
    for path in (model, out / "denoise.ort"):
        line = next(line for line in run.stdout.splitlines() if line.startswith(path.name))
        found = re.search(r"(\d+) KB +cold start +(\d+) ms, of which opening +([\d.]+) ms .* frame +([\d.]+) ms", line)
        assert found, line
        size, total, opening, first = map(float, found.groups())
        assert size == round(path.stat().st_size / 1000)
        assert total > opening + first > 0
    assert re.search(r"largest difference from denoise.onnx: [01] of 255", run.stdout)


def test_the_command_offers_every_target() -> None:
    choice = next(parameter.type for parameter in pack.params if parameter.name == "target")
    assert isinstance(choice, click.Choice) and tuple(choice.choices) == TARGETS


@pytest.mark.slow
@pytest.mark.parametrize("entry", FRAME_MODELS, ids=lambda entry: entry.name)
def test_the_ort_file_of_a_shipped_model_is_that_model(photos: Path, tmp_path: Path, entry: zoo.Entry) -> None:
    from nitido.images.io import read_picture

    photo = read_picture(photos / "coffee.png").pixels[:201, :133]
    write_pack(entry.name, "ort", tmp_path / "out", frame=photo)
    original, packed = load(entry.path, "cpu"), load(tmp_path / "out" / f"{entry.name}.ort", "cpu")
    assert (packed.card, packed.has_strength) == (original.card, original.has_strength)
    difference = np.abs(packed(photo).astype(int) - original(photo).astype(int))
    assert difference.max() <= 1  # sums in another order: the layout for this processor is not in the file
    assert np.abs(original(photo)[: photo.shape[0], : photo.shape[1]].astype(int) - photo).max() > 1


def test_an_ort_file_that_differs_is_not_kept(
    tiny_models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proto = onnx.load(str(tiny_models["denoise"]))
    last = [node for node in proto.graph.node if node.op_type == "Conv"][-1]
    bias = next(i for i in proto.graph.initializer if i.name == last.input[2])
    bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + np.float32(0.02), bias.name))
    onnx.save(proto, str(tmp_path / "other.onnx"))
    right = ort_format.convert
    monkeypatch.setattr(ort_format, "convert", lambda source, target: right(tmp_path / "other.onnx", target))
    with pytest.raises(ExportError, match=r"differs from .* by [4-7] of 255 levels"):
        write_pack(str(tiny_models["denoise"]), "ort", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["other.onnx"]


def test_an_ort_file_that_lost_its_card_is_not_kept(
    tiny_models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = with_metadata(tiny_models["denoise"], tmp_path / "other.onnx", "nitido.licence", '"unknown"')
    right = ort_format.convert
    monkeypatch.setattr(ort_format, "convert", lambda source, target: right(other, target))
    with pytest.raises(ExportError, match=r"card .* did not survive"):
        write_pack(str(tiny_models["denoise"]), "ort", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("task", ["denoise", "upscale"])
def test_the_config_lists_the_operators_of_the_optimized_graph(
    tiny_models: dict[str, Path], tmp_path: Path, task: str
) -> None:
    write_pack(str(tiny_models[task]), "minimal", tmp_path / "out")
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    ort.InferenceSession(
        str(tiny_models[task]), options, ["CPUExecutionProvider"], disabled_optimizers=["NchwcTransformer"]
    )
    nodes = onnx.load(str(tmp_path / "optimized.onnx")).graph.node
    expected = {(node.domain or "ai.onnx", node.op_type) for node in nodes}
    text = (tmp_path / "out" / minimal_build.CONFIG).read_text()
    lines = [line.split(";") for line in text.splitlines() if not line.startswith("#")]
    found = {
        (domain, name) for domain, _, rest in lines for name in re.sub(r"\{(?:[^{}]|\{[^}]*\})*\}", "", rest).split(",")
    }
    assert found == expected
    assert '{"inputs": {"0": ["float"]}}' in text  # types are reduced too
    assert str(tmp_path) not in text and "partial" not in text


def test_the_minimal_readme_gives_the_command_and_says_it_was_not_run(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    run = nitido("pack", tiny_models["denoise"], "--target", "minimal", "-o", tmp_path / "out", "--runs", "0")
    assert "was not run" in run.stdout
    text = (tmp_path / "out" / "README.md").read_text()
    assert "was not run" in text and f"--branch v{ort.__version__}" in text and "$" not in text
    for flag in ("--minimal_build", "--include_ops_by_config", "--enable_reduced_operator_type_support"):
        assert flag in text


def test_what_cannot_be_listed_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "model.ort").write_bytes(b"no model")
    with pytest.raises(ExportError, match=r"cannot list the operators of model\.ort"):
        minimal_build.write_config(tmp_path / "model.ort", tmp_path / "x.config")


def test_the_manifest_lists_every_file(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    write_pack(str(tiny_models["denoise"]), "minimal", tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "pack.json").read_text())
    assert manifest["target"] == "minimal"
    assert {*manifest["files"], "pack.json"} == {path.name for path in (tmp_path / "out").iterdir()}


def test_a_full_folder_is_replaced_only_when_asked_and_only_when_it_is_ours(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    model, out = str(tiny_models["denoise"]), tmp_path / "out"
    write_pack(model, "ort", out)
    with pytest.raises(SinkUnavailable, match="not empty; give --overwrite"):
        write_pack(model, "minimal", out)
    write_pack(model, "minimal", out, overwrite=True)
    assert (out / minimal_build.CONFIG).is_file()
    (out / "holiday.txt").write_text("mine")
    with pytest.raises(SinkUnavailable, match=r"holds holiday.txt, which 'nitido pack' did not write"):
        write_pack(model, "ort", out, overwrite=True)
    (out / "pack.json").write_text("not json")
    with pytest.raises(SinkUnavailable, match="did not write"):
        write_pack(model, "ort", out, overwrite=True)
    assert (out / "holiday.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_disk_that_fills_up_leaves_what_was_there(
    tiny_models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    write_pack(str(tiny_models["denoise"]), "ort", out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def fill_up(model: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(minimal_build, "write_config", fill_up)
    with pytest.raises(SinkUnavailable, match="No space left on device; nothing was changed"):
        write_pack(str(tiny_models["denoise"]), "minimal", out, overwrite=True)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_rename_that_fails_brings_the_old_folder_back(
    tiny_models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    write_pack(str(tiny_models["denoise"]), "ort", out)
    right = Path.rename

    def fail_for_the_draft(self: Path, target: Path) -> Path:
        if self.name.endswith(".partial"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return right(self, target)

    monkeypatch.setattr(Path, "rename", fail_for_the_draft)
    with pytest.raises(SinkUnavailable, match="Permission denied"):
        write_pack(str(tiny_models["denoise"]), "minimal", out, overwrite=True)
    assert sorted(path.name for path in out.iterdir()) == ["denoise.ort", "pack.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_places_that_cannot_be_the_folder_are_refused(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for place, message in [("file", "is a file"), ("file/out", "cannot write")]:
        with pytest.raises(SinkUnavailable, match=message):
            write_pack(str(tiny_models["denoise"]), "ort", tmp_path / place, overwrite=True)
    inside = tmp_path / "c"
    write_pack(str(tiny_models["denoise"]), "c", inside)
    with pytest.raises(SinkUnavailable, match="holds the model that is packed"):
        write_pack(str(inside / "denoise.onnx"), "ort", inside, overwrite=True)
    assert (inside / "denoise.onnx").is_file()


def test_what_is_no_model_is_one_line(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "text.onnx").write_text("not a model")
    for model, message in [("no-such", "no model named"), (tmp_path / "text.onnx", "cannot be loaded")]:
        run = nitido("pack", model, "--target", "ort", "-o", out)
        assert run.returncode == 1
        assert message in run.stderr and len(run.stderr.splitlines()) == 1
    shutil.copy(tiny_models["denoise"], tmp_path / "model.ort")
    with pytest.raises(ModelNotFound, match=r"expects an \.onnx file"):
        write_pack(str(tmp_path / "model.ort"), "ort", out)
    assert not out.exists()


def test_a_model_that_gives_no_frame_has_no_cold_start(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("not a model")
    with pytest.raises(NitidoError, match=r"no frame from .*text\.onnx in a fresh process"):
        cold_start.measure_cold_starts([tmp_path / "text.onnx"], runs=1)


def test_the_wheel_carries_the_templates(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        f"nitido_export/pack/templates/{p.relative_to(TEMPLATES).as_posix()}"
        for p in TEMPLATES.rglob("*")
        if p.is_file()
    }
    assert "nitido_export/pack/templates/c/nitido_frame.c" in expected
    assert expected <= names
