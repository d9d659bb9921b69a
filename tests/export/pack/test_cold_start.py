"""How long a fresh process takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from nitido.errors import NitidoError
from nitido.model_file import zoo
from nitido_export.pack import cold_start


def test_a_model_that_gives_no_frame_has_no_cold_start(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("not a model")
    with pytest.raises(NitidoError, match=r"no frame from .*text\.onnx in a fresh process"):
        cold_start.measure_cold_starts([tmp_path / "text.onnx"], runs=1)


@pytest.mark.parametrize("name", ["denoise-n", "denoise-live-n"])
def test_shipped_models_give_a_first_frame_also_those_with_states(name: str) -> None:
    (found,) = cold_start.measure_cold_starts([zoo.find(name)], runs=1)
    assert 0 < found.opening < found.total and 0 < found.first_frame < found.total
