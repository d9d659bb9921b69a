"""Training on GPUs."""

from __future__ import annotations

import pytest
from accelerator.training import Setting, measure_training

pytestmark = [pytest.mark.gpu, pytest.mark.slow]


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_network_trains_on_every_gpu_there_is(precision: str) -> None:
    torch = pytest.importorskip("torch")
    count = torch.cuda.device_count()
    if not count:
        pytest.skip("no GPU: torch sees none")
    pace = measure_training("denoise-n", Setting("cuda", precision, count, (2, 12)), 120.0, 1)
    assert pace.steps or pace.note == "too short to measure", pace.note
