"""Entropy terms of BSQ over soft bits, correct over processes.

The reference and its ancestors all-reduce the mean distribution and drop the result, so each process regularises its
own share of the batch. Here the mean is taken over all processes, differentiably.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from scalemogen.distributed import masked_mean, mean_over_ranks


def soft_bits(direction: Tensor, inverse_temperature: float) -> Tensor:
    """Return the logits (..., D) of the soft bits, p(bit = 1) = sigmoid(4 beta direction / sqrt(D)).

    Args:
        direction: (..., D) residual on the unit sphere.
        inverse_temperature: beta.
    """
    return direction * (4.0 * inverse_temperature / math.sqrt(direction.shape[-1]))


def binary_entropy(logits: Tensor) -> Tensor:
    """Return the entropy in nats of Bernoulli(sigmoid(logits)), elementwise; exact for large logits too."""
    p = torch.sigmoid(logits)
    return functional.softplus(logits) - p * logits


def entropy_terms(logits: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return E[H(p)] and H(E[p]), both summed over bits, in nats.

    The first asks every token to be sure, the second asks the bits to be used evenly over the whole batch, that is
    over all processes.

    Args:
        logits: (..., D) soft bits.
        weight: (...) 1 for a valid token, 0 for padding.
    """
    weight = weight[..., None].to(logits.dtype).expand_as(logits)
    per_token = masked_mean(binary_entropy(logits), weight) * logits.shape[-1]
    tokens = tuple(range(logits.ndim - 1))
    count = mean_over_ranks(weight.sum(tokens)).clamp(min=1e-12)
    mean = mean_over_ranks((torch.sigmoid(logits) * weight).sum(tokens)) / count
    mean = mean.clamp(1e-12, 1.0 - 1e-7)
    of_mean = -(mean * mean.log() + (1.0 - mean) * torch.log1p(-mean))
    return per_token, of_mean.sum()
