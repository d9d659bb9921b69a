"""The connection of a training's processes."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import distributed

from nitido_train.training.processes import disconnected_after


@pytest.mark.skipif(not distributed.is_available(), reason="this torch has no distributed training")
def test_the_connection_is_cut_even_when_the_training_fails(tmp_path: Path) -> None:
    store = (tmp_path / "store").as_uri()
    with pytest.raises(RuntimeError, match="failed"), disconnected_after():
        distributed.init_process_group("gloo", init_method=store, rank=0, world_size=1)
        assert distributed.is_initialized()
        raise RuntimeError("failed")
    assert not distributed.is_initialized()
    with disconnected_after():
        pass  # a training of a single process has none
