"""Muon (K. Jordan 2024): AdamW, but matrices take steps that are orthogonal.

The momentum of a weight matrix, [outputs, inputs x kernel] of a convolution, is replaced by the nearest orthogonal matrix:
all its directions are learnt at one speed, the rare ones as fast as the common. Scaled to the size of an AdamW step (Liu et
al. 2025, arXiv 2502.16982), so that one learning rate serves both. torch.optim.Muon takes no convolutions.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

MOMENTUM = 0.95
ADAMW_SIZE = 0.2  # root mean square of AdamW's steps
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # odd quintic that takes singular values near 1
ITERATIONS = 5


class Muon(torch.optim.AdamW):
    """Parameters of two and more dimensions by Muon, biases and norms by AdamW."""

    def __init__(self, parameters: Iterable[Tensor], lr: float, weight_decay: float):
        parameters = list(parameters)
        groups = [{"params": [p for p in parameters if p.ndim < 2]}, {"params": [p for p in parameters if p.ndim >= 2]}]
        super().__init__(groups, lr, weight_decay=weight_decay)

    @torch.no_grad()
    def step(self) -> None:
        vectors, matrices = self.param_groups
        self.param_groups = [vectors]
        super().step()
        self.param_groups = [vectors, matrices]
        for p in matrices["params"]:
            if "momentum" not in self.state[p]:
                # AdamW wants a step in every state that it reads.
                self.state[p] = {"momentum": torch.zeros_like(p), "step": torch.tensor(0.0)}
            momentum = self.state[p]["momentum"]
            momentum.lerp_(p.grad, 1 - MOMENTUM)
            update = orthogonal(p.grad.lerp(momentum, MOMENTUM).flatten(1))
            p.mul_(1 - matrices["lr"] * matrices["weight_decay"])
            p.add_(update.view_as(p), alpha=-matrices["lr"] * ADAMW_SIZE * max(update.shape) ** 0.5)


def orthogonal(matrix: Tensor) -> Tensor:
    """[m,n] -> [m,n]: near U V^T of its singular value decomposition, singular values about 0.7 to 1.2."""
    if len(matrix) > matrix.shape[1]:
        return orthogonal(matrix.T).T
    a, b, c = NEWTON_SCHULZ
    x = matrix / (matrix.norm() + 1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x
