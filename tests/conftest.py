"""Small models and pictures that tests build for themselves, and the shipped ones."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from nitido_export.draft import ReleaseInfo
from nitido_export.export import export_float
from support.paths import SAMPLES
from support.tiny_models import random_checkpoint


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    for task in ("denoise", "upscale"):
        export_float(random_checkpoint(task), folder / f"{task}.onnx", ReleaseInfo("none", "none"))
    return {task: folder / f"{task}.onnx" for task in ("denoise", "upscale")}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of a few crops of real photographs."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for path in sorted(SAMPLES.glob("*.webp"))[:3]:
        picture = cv2.imread(str(path))
        assert picture is not None
        cv2.imwrite(str(folder / f"{path.stem}.png"), np.asarray(picture)[20:300, 20:300])
    return folder
