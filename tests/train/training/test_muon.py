from __future__ import annotations

import pytest
import torch
from torch import nn

from nitido.errors import RecipeError
from nitido_train.recipe.schema import Schedule
from nitido_train.training.muon import Muon, orthogonalized


@pytest.mark.parametrize("shape", [(24, 216), (64, 16), (12, 12)])
def test_what_is_orthogonalized_keeps_its_directions_and_loses_their_lengths(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(shape)
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    found = u.T @ orthogonalized(matrix) @ v.T  # diagonal, when the singular vectors are the same
    lengths = torch.diagonal(found)
    assert float(lengths[:-1].min()) > 0.5 and float(lengths.max()) < 1.3
    assert float((found - torch.diag(lengths)).abs().max()) < 1e-3


def test_kernels_move_as_matrices_do_under_torchs_muon() -> None:
    torch.manual_seed(0)
    ours = nn.Parameter(torch.randn(8, 4, 3, 3).to(memory_format=torch.channels_last))
    theirs = nn.Parameter(ours.detach().reshape(8, 36).clone())
    start = theirs.detach().clone()
    a, b = Muon([ours], lr=0.1), torch.optim.Muon([theirs], lr=0.1, weight_decay=0.0, momentum=0.95, nesterov=True)
    for _ in range(5):
        gradient = torch.randn(8, 36)
        ours.grad, theirs.grad = gradient.view(8, 4, 3, 3).clone(), gradient.clone()
        a.step()
        b.step()
    moved = float((theirs.detach() - start).norm())
    assert moved > 0.5
    # Torch iterates in bfloat16.
    assert float((ours.detach().reshape(8, 36) - theirs.detach()).norm()) < 0.03 * moved


def test_what_is_not_a_kernel_moves_as_with_adam() -> None:
    torch.manual_seed(0)
    ours = nn.Parameter(torch.randn(16))
    theirs = nn.Parameter(ours.detach().clone())
    a, b = Muon([ours], lr=0.1), torch.optim.Adam([theirs], lr=0.01)
    for _ in range(5):
        ours.grad = torch.randn(16)
        theirs.grad = ours.grad.clone()
        a.step()
        b.step()
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_an_unknown_optimizer_is_named() -> None:
    with pytest.raises(RecipeError, match="expects one of adam, muon; found 'sgd'"):
        Schedule(steps=1, optimizer="sgd")
