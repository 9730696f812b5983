"""The few collectives we need. Outside a process group each is the identity."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

_T = TypeVar("_T")


def world_size() -> int:
    """Return the number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return the number of this process among those that work together, from 0."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def gather_objects(value: _T) -> list[_T]:
    """Return the values of all processes in the order of their ranks, the same list on every process."""
    if world_size() == 1:
        return [value]
    values: list[Any] = [None] * world_size()
    dist.all_gather_object(values, value)
    return values


class _MeanOverRanks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        result = value.clone()
        dist.all_reduce(result)
        return result / world_size()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        grad = grads[0].clone()
        dist.all_reduce(grad)
        return grad / world_size()


def mean_over_ranks(value: Tensor) -> Tensor:
    """Return the mean of `value` over all processes, differentiably, the same on every process.

    The backward pass averages the processes' gradients, so that DDP's own averaging of parameter gradients gives
    exactly what one process would compute on the joined batch.
    """
    if world_size() == 1:
        return value
    result: Tensor = _MeanOverRanks.apply(value)  # type: ignore[no-untyped-call]
    return result


class _GatherOverRanks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        ctx.rows = len(value)
        shares = [torch.empty_like(value) for _ in range(world_size())]
        dist.all_gather(shares, value.contiguous())
        return torch.cat(shares)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        grad = grads[0].clone()
        dist.all_reduce(grad)
        start = dist.get_rank() * ctx.rows
        return grad[start : start + ctx.rows]


def gather_over_ranks(value: Tensor) -> Tensor:
    """Return the rows of all processes, in the order of ranks, differentiably, the same on every process.

    The backward pass adds up what all processes' losses ask of a row. Where all processes compute the same loss of the
    joined rows, DDP's averaging of parameter gradients then gives exactly what one process would compute.

    Args:
        value: (B, ...), the same shape on every process.
    """
    if world_size() == 1:
        return value
    result: Tensor = _GatherOverRanks.apply(value)  # type: ignore[no-untyped-call]
    return result


def masked_mean(value: Tensor, weight: Tensor) -> Tensor:
    """Return the sum of `value * weight` over the mean-over-processes sum of `weight`.

    Averaged over processes (what DDP does to gradients), this is the weighted mean over the joined batch, also where
    the processes hold different numbers of valid elements.

    Args:
        value: any shape.
        weight: broadcastable to `value`; counted once per element of `value`.
    """
    weight = weight.to(value.dtype).expand_as(value)
    return (value * weight).sum() / mean_over_ranks(weight.sum()).clamp(min=1e-12)
