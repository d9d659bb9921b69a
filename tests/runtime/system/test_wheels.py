"""Wheels that overwrite each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from nitido.system.wheels import find_clashes


def install(folder: Path, name: str, module: str) -> None:
    """What pip leaves of a wheel."""
    facts = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (facts / "RECORD").write_text(f"{module}/__init__.py,,\n{facts.name}/RECORD,,\n")


@pytest.mark.parametrize(
    ("module", "wheels", "keep"),
    [
        ("onnxruntime", ["onnxruntime", "onnxruntime-gpu"], "onnxruntime-gpu"),
        ("onnxruntime", ["onnxruntime-openvino", "onnxruntime"], "onnxruntime-openvino"),
        ("cv2", ["opencv-python", "opencv-python-headless"], "opencv-python"),
        ("cv2", ["opencv-contrib-python-headless", "opencv-python-headless"], "opencv-contrib-python-headless"),
        ("cv2", ["opencv-contrib-python", "opencv-python"], "opencv-contrib-python"),
    ],
)
def test_wheels_that_overwrite_each_other_are_found(tmp_path: Path, module: str, wheels: list[str], keep: str) -> None:
    for name in wheels:
        install(tmp_path, name, module)
    install(tmp_path, "onnxruntime-extensions", "onnxruntime_extensions")  # a folder of its own
    (clash,) = find_clashes([str(tmp_path)])
    assert (clash.module, clash.wheels, clash.keep) == (module, sorted(wheels), keep)
    assert f"uninstall -y {' '.join(sorted(wheels))} && " in clash.fix
    assert clash.fix.endswith(f"-m pip install --no-deps {keep}")


def test_one_wheel_of_each_is_not_a_clash(tmp_path: Path) -> None:
    install(tmp_path, "onnxruntime", "onnxruntime")
    install(tmp_path, "opencv-python", "cv2")
    assert find_clashes([str(tmp_path)]) == []
