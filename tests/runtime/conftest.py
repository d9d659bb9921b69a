"""Models and pictures that the tests of several packages of the runtime take."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.anomaly_models import write_good_pictures, write_part, write_smoothing_model


@pytest.fixture
def smoothing_model(tmp_path: Path) -> Path:
    """A model for anomalies, without a threshold."""
    return write_smoothing_model(tmp_path / "models" / "smooth.onnx")


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A folder of pictures without anomalies."""
    return write_good_pictures(tmp_path / "good")


@pytest.fixture
def part(smoothing_model: Path, tmp_path: Path) -> Path:
    """A model for anomalies, with a threshold."""
    return write_part(smoothing_model, tmp_path / "part.onnx")
