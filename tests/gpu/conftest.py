"""A GPU to test on. All tests of this folder skip where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from nitido.errors import ProviderUnavailable
from nitido.inference.session import open_session
from nitido.model_file import zoo

DEVICES = ("cuda", "tensorrt")


@pytest.fixture(scope="session")
def cuda() -> str:
    return usable("cuda")


@pytest.fixture(scope="session", params=DEVICES)
def gpu(request: pytest.FixtureRequest) -> str:
    """Each device of ONNX Runtime that computes on a GPU."""
    return usable(request.param)


def usable(device: str) -> str:
    try:
        open_session(zoo.find("denoise-n"), device)
    except ProviderUnavailable as error:
        pytest.skip(f"no GPU: {str(error).partition(';')[0]}")
    return device


@pytest.fixture(scope="session")
def halves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for float16 files, which are made when they are asked for."""
    return tmp_path_factory.mktemp("float16")
