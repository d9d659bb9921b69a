"""What the tests of packed programs share."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.native import build, onnxruntime_folder


@pytest.fixture(scope="session")
def onnxruntime_root(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a release archive unpacks to: include/ and lib/."""
    return onnxruntime_folder(pytestconfig, tmp_path_factory.mktemp("onnxruntime"))


@pytest.fixture(scope="session")
def c_program(onnxruntime_root: Path, tiny_models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _built("c", onnxruntime_root, tiny_models, tmp_path_factory)


@pytest.fixture(scope="session")
def cpp_program(onnxruntime_root: Path, tiny_models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _built("cpp", onnxruntime_root, tiny_models, tmp_path_factory)


def _built(target: str, root: Path, models: dict[str, Path], factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnx")
    from nitido_export.pack.write import write_pack

    folder = factory.mktemp("packed") / target
    write_pack(str(models["denoise"]), target, folder)
    return build(folder, root)
