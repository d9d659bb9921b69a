"""The folder that a pack is written to."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from nitido.errors import SinkUnavailable
from nitido_export.pack import minimal_build
from nitido_export.pack.write import write_pack


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
