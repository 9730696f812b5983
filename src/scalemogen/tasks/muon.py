"""Muon: orthogonalised momentum for matrices, AdamW for everything else, as one optimiser."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.adamw import adamw

STEPS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic iteration, which lifts small singular values fast and leaves all of them between 0.7 and 1.2."""


class Muon(Optimizer):
    """Muon (Jordan et al., 2024) for matrices, AdamW for everything else.

    A parameter of more than two axes is a stack of matrices, one for each joint, tap or other leading index; that is
    what `torch.optim.Muon` does not take. The update of a matrix is its Nesterov momentum with all singular values
    brought near 1, times 0.2 sqrt(max(rows, columns)), which gives it the root mean square of an AdamW update
    (Liu et al., arXiv 2502.16982), so that learning rates of AdamW are a place to start from. Small networks that are
    trained for few steps gain most: see docs/training.md.

    Args:
        params: groups of parameters that say by "matrices" what they are, as `parameter_groups` makes them. Of
            parameters without such groups, those of two or more axes are matrices.
        lr: of everything else.
        matrix_lr: of matrices; default `lr`.
        momentum: of matrices.
        betas, eps: of everything else, as in AdamW.
        weight_decay: of both, decoupled, where a group has none of its own.

    Raises:
        ValueError: a negative learning rate or weight decay, or a momentum or beta outside [0, 1).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        matrix_lr: float | None = None,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        rates = {"lr": lr, "matrix_lr": lr if matrix_lr is None else matrix_lr, "weight_decay": weight_decay}
        for name, value in rates.items():
            if not value >= 0:
                raise ValueError(f"Muon: {name} is {value}; it must be at least 0")
        for name, value in {"momentum": momentum, "betas[0]": betas[0], "betas[1]": betas[1]}.items():
            if not 0 <= value < 1:
                raise ValueError(f"Muon: {name} is {value}; it must lie in [0, 1)")
        groups = list(params)
        if not (groups and isinstance(groups[0], dict)):
            kinds = [(True, [p for p in groups if p.ndim >= 2]), (False, [p for p in groups if p.ndim < 2])]
            groups = [{"params": members, "matrices": kind} for kind, members in kinds if members]
        groups = [{"lr": rates["matrix_lr"] if group["matrices"] else lr, **group} for group in groups]
        super().__init__(
            groups, {"lr": lr, "momentum": momentum, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step; returns what `closure` returned, if one is given to compute the gradients."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            held = [parameter for parameter in group["params"] if parameter.grad is not None]
            if held:
                (self._step_matrices if group["matrices"] else self._step_vectors)(group, held)
        return loss

    def _step_matrices(self, group: dict[str, Any], held: list[Tensor]) -> None:
        gradients = _gradients(held)
        momenta = self._state(held, "momentum")
        torch._foreach_lerp_(momenta, gradients, 1.0 - group["momentum"])
        updates = torch._foreach_lerp(gradients, momenta, group["momentum"])
        torch._foreach_mul_(held, 1.0 - group["lr"] * group["weight_decay"])
        by_shape: dict[torch.Size, list[int]] = defaultdict(list)
        for row, parameter in enumerate(held):
            by_shape[parameter.shape[-2:]].append(row)
        for shape, rows in by_shape.items():
            stacks = [updates[row].reshape(-1, *shape) for row in rows]
            even = orthogonalise(torch.cat(stacks)) * (0.2 * max(shape) ** 0.5)
            for row, part in zip(rows, even.split([len(stack) for stack in stacks]), strict=True):
                held[row].add_(part.view_as(held[row]), alpha=-group["lr"])

    def _step_vectors(self, group: dict[str, Any], held: list[Tensor]) -> None:
        for parameter in held:
            self.state[parameter].setdefault("step", torch.tensor(0.0))
        adamw(
            held,
            _gradients(held),
            self._state(held, "exp_avg"),
            self._state(held, "exp_avg_sq"),
            [],
            [self.state[parameter]["step"] for parameter in held],
            foreach=True,
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )

    def _state(self, held: list[Tensor], name: str) -> list[Tensor]:
        for parameter in held:
            if name not in self.state[parameter]:
                self.state[parameter][name] = torch.zeros_like(parameter)
        return [self.state[parameter][name] for parameter in held]


def _gradients(held: list[Tensor]) -> list[Tensor]:
    return [parameter.grad for parameter in held if parameter.grad is not None]


def orthogonalise(matrices: Tensor) -> Tensor:
    """Bring the singular values of matrices (B, rows, columns) near 1, singular vectors as they are.

    A fixed number of Newton-Schulz iterations, deterministic. A matrix of zeros stays zero.
    """
    a, b, c = COEFFICIENTS
    tall = matrices.shape[-2] > matrices.shape[-1]
    x: Tensor = matrices.mT if tall else matrices
    x = x / torch.linalg.matrix_norm(x, keepdim=True).clamp(min=1e-12)
    for _ in range(STEPS):
        square = torch.bmm(x, x.mT)
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x
