"""What networks are made of."""

from __future__ import annotations

import torch

from nitido_train.nets.blocks import depth_to_space, space_to_depth


def test_cells_go_there_and_back() -> None:
    frames = torch.randn(2, 3, 12, 8).to(memory_format=torch.channels_last)
    cells = space_to_depth(frames, 4)
    assert cells.shape == (2, 48, 3, 2)
    assert cells[0, (1 * 4 + 2) * 3 + 1, 0, 1] == frames[0, 1, 1, 4 + 2]  # row 1, column 2, green
    assert torch.equal(depth_to_space(cells, 4), frames)
