"""Two bones and the joint between them: where it lies when they span a given way. Leading axes are free."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SHORTEST = 1e-4
"""Metres; a shorter way has no direction."""

REACH = 1 - 1e-6
"""Share of their length that two bones stretch to: at full length the plane of the joint between them would be lost."""


def length_of(vectors: Tensor) -> Tensor:
    """Return the lengths (..., 1) of vectors (..., 3)."""
    found: Tensor = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return found


def within_reach(way: Tensor, upper: Tensor, lower: Tensor) -> Tensor:
    """Return `way` (..., 3), no longer and no shorter than bones of lengths (..., 1) can reach."""
    length = length_of(way).clamp_min(SHORTEST)
    reach = torch.minimum(torch.maximum(length, (upper - lower).abs() * 1.001), (upper + lower) * REACH)
    return way * (reach / length)


def hinge_point(way: Tensor, side: Tensor, upper: Tensor, lower: Tensor) -> Tensor:
    """Return where the joint between two bones lies (..., 3), seen from the start of the first.

    Args:
        way: (..., 3) from the start of the first bone to the end of the second; out of reach, as near as can be.
        side: (..., 3) where to the joint bends; only what lies across the way counts.
        upper: (..., 1) length of the first bone.
        lower: (..., 1) length of the second.
    """
    reached = within_reach(way, upper, lower)
    length = length_of(reached)
    along = reached / length
    across = functional.normalize(side - (side * along).sum(dim=-1, keepdim=True) * along, dim=-1)
    share = (upper.square() - lower.square() + length.square()) / (2 * length)
    return share * along + (upper.square() - share.square()).clamp_min(0.0).sqrt() * across
