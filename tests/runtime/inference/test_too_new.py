"""Model files that are newer than the installed onnxruntime."""

from __future__ import annotations

from pathlib import Path

import pytest

from nitido.errors import CardMismatch
from nitido.inference import session
from nitido.inference.model import load
from support.paths import ROOT


def later(path: Path, *, ir: int = 0, opset: int = 0, needs: str = "") -> Path:
    """A shipped model as a later export might write it. needs: what its card asks for; empty: it has no card."""
    onnx = pytest.importorskip("onnx")
    model = onnx.load(ROOT / "models" / "denoise-n.onnx")
    model.ir_version = ir or model.ir_version
    model.opset_import[0].version = opset or model.opset_import[0].version
    if needs:
        next(p for p in model.metadata_props if p.key == "nitido.min_onnxruntime").value = f'"{needs}"'
    else:
        del model.metadata_props[:]
    path.write_bytes(model.SerializeToString())
    return path


def test_an_ir_that_is_too_new_asks_for_a_newer_onnxruntime(tmp_path: Path) -> None:
    with pytest.raises(CardMismatch, match=r"has IR version 999, which is too new for onnxruntime \S+") as caught:
        load(later(tmp_path / "a.onnx", ir=999), "cpu")
    assert str(caught.value).endswith("run: pip install --upgrade 'onnxruntime'") and "again" not in str(caught.value)
    with pytest.raises(CardMismatch, match=r"run: pip install --upgrade 'onnxruntime>=99\.1'"):
        load(later(tmp_path / "b.onnx", ir=999, needs="99.1"), "cpu")


def test_an_opset_that_is_too_new_asks_for_a_newer_onnxruntime(tmp_path: Path) -> None:
    with pytest.raises(CardMismatch, match=r"has opset 999, which is too new .* run: pip install --upgrade"):
        load(later(tmp_path / "a.onnx", opset=999, needs="1.0"), "cpu")


def test_a_damaged_file_is_still_to_be_had_again(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes((ROOT / "models" / "denoise-n.onnx").read_bytes()[:5000])
    with pytest.raises(CardMismatch, match="get the file again"):
        load(tmp_path / "a.onnx", "cpu")


def test_older_releases_word_it_differently(tmp_path: Path) -> None:
    old = "ONNX Runtime only *guarantees* support. Opset 22 is under development and support for this is limited."
    assert "has opset 22" in session._needs_newer(tmp_path / "none.onnx", old)
    most = f"{old} Current official support for domain ai.onnx is till opset 21."
    assert "(reads up to 21)" in session._needs_newer(tmp_path / "none.onnx", most)
    assert session._needs_newer(tmp_path / "none.onnx", "Protobuf parsing failed.") == ""
