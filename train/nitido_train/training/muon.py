"""Muon, for networks of convolutions: orthogonal steps for kernels, Adam's steps for everything else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

MOMENTUM = 0.95
OTHERS = 0.1  # learning rate of other parameters, as a share of the kernels'
BETAS, EPSILON = (0.9, 0.999), 1e-8


class Muon(torch.optim.Optimizer):
    """Steps that change all directions of a kernel equally, even those in which the gradient is small.

    A kernel outputs×inputs×k×k is a matrix of outputs rows. Five Newton-Schulz iterations bring its Nesterov momentum
    close to a semi-orthogonal matrix. The step is that matrix times √max(1, rows / columns) times the learning rate.
    Parameters of fewer dimensions follow Adam at a tenth of the rate.

    Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024). There, Adam updates the
    first and the last layer. In these small stacks of convolutions, all kernels profit from Muon, see
    docs/development/training-log.md.
    ``torch.optim.Muon`` is not a replacement, because it only takes matrices.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float) -> None:
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Does one step. closure: recomputes the loss, which is returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if parameter.ndim == 4:
                    _orthogonal_step(parameter, parameter.grad, state, group["lr"])
                else:
                    _adam_step(parameter, parameter.grad, state, OTHERS * group["lr"])
        return loss


def _orthogonal_step(kernel: Tensor, gradient: Tensor, state: dict[str, Any], lr: float) -> None:
    if not state:
        state["momentum"] = torch.zeros_like(kernel)
    state["momentum"].lerp_(gradient, 1 - MOMENTUM)
    ahead = gradient.lerp(state["momentum"], MOMENTUM)
    matrix = ahead.reshape(ahead.shape[0], -1)  # o i·k·k
    step = orthogonalized(matrix) * max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
    kernel.add_(step.view_as(kernel), alpha=-lr)


def _adam_step(parameter: Tensor, gradient: Tensor, state: dict[str, Any], lr: float) -> None:
    if not state:
        state["step"] = 0
        state["mean"], state["square"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
    state["step"] += 1
    state["mean"].lerp_(gradient, 1 - BETAS[0])
    state["square"].lerp_(gradient.square(), 1 - BETAS[1])
    mean = state["mean"] / (1 - BETAS[0] ** state["step"])
    square = state["square"] / (1 - BETAS[1] ** state["step"])
    parameter.sub_(lr * mean / (square.sqrt() + EPSILON))


def orthogonalized(matrix: Tensor, iterations: int = 5) -> Tensor:
    """A matrix close to the nearest semi-orthogonal one, with singular values of about 0.7..1.2.

    The quintic iteration and its coefficients are those of the paper.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(iterations):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x
