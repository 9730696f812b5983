"""Resampling of a time axis as matrices: built once, deterministic on every device."""

from __future__ import annotations

import torch
from torch import Tensor


def area_windows(source: int, target: int) -> tuple[Tensor, Tensor]:
    """Return (target,) int64 twice, the first source cell of every adaptive window, and the one after its last.

    Cell i covers the source cells floor(i source / target) .. ceil((i + 1) source / target) - 1.
    """
    cells = torch.arange(target)
    return (cells * source) // target, -((-(cells + 1) * source) // target)


def area_matrix(source: int, target: int) -> Tensor:
    """Return (target, source) float32 that averages the windows of `area_windows`."""
    start, stop = area_windows(source, target)
    column = torch.arange(source)
    inside = (column >= start[:, None]) & (column < stop[:, None])
    return (inside / inside.sum(1, keepdim=True)).to(torch.float32)


def linear_matrix(source: int, target: int) -> Tensor:
    """Return (target, source) float32 that interpolates linearly between cell centres, ends clamped.

    Half-pixel centres: target cell i lies at (i + 1/2) source / target - 1/2. No averaging when shrinking.
    """
    position = ((torch.arange(target, dtype=torch.float64) + 0.5) * (source / target) - 0.5).clamp(0, source - 1)
    low = position.floor().long()
    high = (low + 1).clamp(max=source - 1)
    share = position - low
    matrix = torch.zeros(target, source, dtype=torch.float64)
    rows = torch.arange(target)
    matrix.index_put_((rows, low), 1.0 - share, accumulate=True)
    matrix.index_put_((rows, high), share, accumulate=True)
    return matrix.to(torch.float32)
