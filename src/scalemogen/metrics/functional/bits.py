"""Statistics of bits from counts."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def mutual_information(both: Tensor, count: Tensor) -> Tensor:
    """Return the mutual information, in bits, of every two bits of a token.

        I(i, j) = Σ_{a,b in {0,1}} p_ij(a, b) log2( p_ij(a, b) / (p_i(a) p_j(b)) )

    The four joint counts of (i, j) follow from three numbers: both are one, i is one, j is one. Estimated from n
    tokens, the value of two independent bits is about 0.72 / n too high.

    Args:
        both: (..., D, D) in how many tokens bits i and j are both one; the diagonal counts the ones of each bit.
        count: (...) tokens.

    Returns:
        (..., D, D) float64, in 0..1; the diagonal holds the entropies. 0 where there are no tokens.
    """
    both, count = both.double(), count.double()[..., None, None].clamp(min=1.0)
    ones = both.diagonal(dim1=-2, dim2=-1)
    left, right = ones[..., :, None].expand_as(both), ones[..., None, :].expand_as(both)
    joint = torch.stack([both, left - both, right - both, count - left - right + both])
    entropies = [_entropy(torch.stack([part, count - part]) / count) for part in (left, right)]
    return (entropies[0] + entropies[1] - _entropy(joint / count)).clamp(min=0.0)


def _entropy(share: Tensor) -> Tensor:
    """Return the entropy in bits of shares that sum to 1 over the first axis."""
    nats: Tensor = torch.special.entr(share).sum(dim=0)
    return nats / math.log(2.0)
