"""Bits and the points of the unit sphere that they stand for (paper_facts: BSQ; D = bits per token)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

MAX_INDEX_BITS = 63


def normalise(a: Tensor) -> Tensor:
    """Project (..., D) onto the unit sphere. A zero vector stays zero."""
    return functional.normalize(a, dim=-1, eps=1e-12)


def bits_to_codes(bits: Tensor) -> Tensor:
    """Map bits (..., D) in {0, 1} to codes (..., D) = ±1/sqrt(D), float32."""
    scale = 1.0 / bits.shape[-1] ** 0.5
    return torch.where(bits.bool(), scale, -scale).to(torch.float32)


def quantise(a: Tensor) -> tuple[Tensor, Tensor]:
    """Quantise a residual to the nearest code, with a straight-through gradient to the normalised residual.

    Equation: b = sign(a / ||a||), q = b / sqrt(D). A channel that is exactly 0 gives bit 0, as in the reference.

    Args:
        a: (..., D) pooled residual, any norm.

    Returns:
        codes (..., D), whose value is ±1/sqrt(D) and whose gradient is that of a / ||a||; and bits (..., D) bool.
    """
    bits = a.detach() > 0
    codes = bits_to_codes(bits).to(a.dtype)
    if not a.requires_grad:
        return codes, bits
    direction = normalise(a)
    return codes + (direction - direction.detach()), bits


def bits_to_indices(bits: Tensor) -> Tensor:
    """Read bits (..., D) as integers (...), bit 0 the least significant.

    Raises:
        ValueError: more than 63 bits do not fit an int64.
    """
    size = bits.shape[-1]
    if size > MAX_INDEX_BITS:
        raise ValueError(f"{size} bits do not fit an int64 index; at most {MAX_INDEX_BITS}")
    powers = torch.arange(size, device=bits.device)
    return (bits.long() << powers).sum(-1)


def indices_to_bits(indices: Tensor, size: int) -> Tensor:
    """Write integers (...) as bits (..., size) bool, bit 0 the least significant; the inverse of `bits_to_indices`."""
    if size > MAX_INDEX_BITS:
        raise ValueError(f"{size} bits do not fit an int64 index; at most {MAX_INDEX_BITS}")
    powers = torch.arange(size, device=indices.device)
    return (indices[..., None] >> powers & 1).bool()
