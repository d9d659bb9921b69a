"""Small models and pictures that tests build for themselves.

What trains or exports is imported where it is used, so that the tests of the runtime can be collected, and those that
need no fresh model be run, on a machine that has the runtime only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.paths import SAMPLES

# One thread for torch and BLAS, unless the environment says otherwise: the networks of tests are too small for more,
# threads that wait busily slow everything else down, and sums have the same order on every machine. Before any of them
# is imported, which is why they are imported inside fixtures.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def no_settings_of_this_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the user of this machine has saved, such as the fastest device, is not seen by tests."""
    folder = str(tmp_path_factory.mktemp("config"))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_CONFIG_HOME", "APPDATA"):
            patch.setenv(name, folder)
        yield


@pytest.fixture(scope="session", autouse=True)
def one_thread_per_session() -> Iterator[None]:
    """ONNX Runtime computes in one thread in this process, for the same reasons as torch. Other processes that a test
    starts take as many as they would for a user."""
    from nitido.inference import session

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "thread_limit", lambda: 1)
        yield


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
    return _exported("level", tmp_path_factory)


@pytest.fixture(scope="session")
def live_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recurrent denoiser with random weights, exported."""
    return _exported("live", tmp_path_factory)


def _exported(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from nitido_export.draft import ReleaseInfo
    from nitido_export.export import export_float
    from support.tiny_models import random_level_checkpoint, random_live_checkpoint

    made = {"level": random_level_checkpoint, "live": random_live_checkpoint}[kind]()
    path = tmp_path_factory.mktemp("models") / f"{kind}.onnx"
    export_float(made, path, ReleaseInfo("none", "none"))
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
