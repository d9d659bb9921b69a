"""Small models and pictures that tests build for themselves.

What trains or exports is imported where it is used, so that the tests of the runtime can be collected, and those that
need no fresh model be run, on a machine that has the runtime only.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.paths import SAMPLES

# One thread for torch and BLAS, unless the environment says otherwise: the networks of tests are too small for more,
# threads that wait busily slow everything else down, and sums have the same order on every machine. Before any of them
# is imported, which is why they are imported inside fixtures.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A denoiser and an upscaler with random weights, exported. Skips the test where nothing can be exported."""
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from nitido_export.draft import ReleaseInfo
    from nitido_export.export import export_float
    from support.tiny_models import random_checkpoint

    folder = tmp_path_factory.mktemp("models")
    for task in ("denoise", "upscale"):
        export_float(random_checkpoint(task), folder / f"{task}.onnx", ReleaseInfo("none", "none"))
    return {task: folder / f"{task}.onnx" for task in ("denoise", "upscale")}


@pytest.fixture(scope="session")
def level_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A denoiser with random weights that is given the noise level, or estimates it, exported."""
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from nitido_export.draft import ReleaseInfo
    from nitido_export.export import export_float
    from support.tiny_models import random_level_checkpoint

    path = tmp_path_factory.mktemp("models") / "level.onnx"
    export_float(random_level_checkpoint(), path, ReleaseInfo("none", "none"))
    return path


@pytest.fixture(scope="session")
def live_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recurrent denoiser with random weights, exported."""
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from nitido_export.draft import ReleaseInfo
    from nitido_export.export import export_float
    from support.tiny_models import random_live_checkpoint

    path = tmp_path_factory.mktemp("models") / "live.onnx"
    export_float(random_live_checkpoint(), path, ReleaseInfo("none", "none"))
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of a few crops of real photographs."""
    import cv2

    folder = tmp_path / "photos"
    folder.mkdir()
    for path in sorted(SAMPLES.glob("*.webp"))[:3]:
        picture = cv2.imread(str(path))
        assert picture is not None
        cv2.imwrite(str(folder / f"{path.stem}.png"), picture[20:300, 20:300])
    return folder
