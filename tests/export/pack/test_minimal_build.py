"""What a minimal build of ONNX Runtime needs."""

from __future__ import annotations

import re
from pathlib import Path

import onnx
import onnxruntime as ort
import pytest

from nitido.errors import ExportError
from nitido_export.pack import minimal_build
from nitido_export.pack.write import write_pack
from support.commands import nitido


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
