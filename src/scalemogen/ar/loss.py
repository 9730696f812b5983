"""Scale-weighted cross entropy over bits (paper_facts section 5).

Axis letters: B batch, L tokens over all scales, K scales, N_k time cells and G_k groups of scale k, D bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from scalemogen.contracts import TokenMaps, TokenSpec
from scalemogen.scales import Pyramid


@dataclass(frozen=True)
class BitLoss:
    """The loss, and figures for a log.

    Attributes:
        loss: scalar, differentiable.
        cross_entropy: (K,) of the tokens of each scale, nats a bit, detached: the mean over the motions of their own
            means.
        accuracy: (K,) share of bits predicted right inside the motions, detached; likewise.
    """

    loss: Tensor
    cross_entropy: Tensor
    accuracy: Tensor


def bit_margin(logits: Tensor) -> Tensor:
    """Return the logit of bit 1 over bit 0 (...) of logits (..., 2), in float32 at least."""
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return logits[..., 1] - logits[..., 0]


def scale_weights(spec: TokenSpec) -> Tensor:
    """Return (K,) the weight of a token of each scale, sqrt(L_V) / sqrt(L_v), L_v the token count of the full grid."""
    counts = torch.tensor([cells * groups for cells, groups in spec.sizes], dtype=torch.float64)
    return (counts[-1] / counts).sqrt().to(torch.float32)


def scale_weighted_cross_entropy(logits: Tensor, maps: TokenMaps, spec: TokenSpec, reference: bool = False) -> BitLoss:
    """Score bit logits against labels.

    Equation: mean over the motions of Σ_i w_i CE_i / Σ_i w_i over the valid tokens i of a motion, CE_i the mean over
    the bits of token i and w_i the weight of its scale. Every motion counts the same, whatever its length, its batch
    and its process.

    Args:
        logits: (B, L, D, 2).
        maps: label bits and masks, cropped as the logits are.
        spec: full sizes of the scales, which fix the weights: cropping changes nothing.
        reference: divide by the weights of the full grid instead, as the reference does, so that a short motion
            weighs less.
    """
    labels = Pyramid.flatten(maps.bits)
    counts = [bits.shape[1] * bits.shape[2] for bits in maps.bits]
    groups = [bits.shape[2] for bits in maps.bits]
    valid = torch.cat([mask.repeat_interleave(g, 1) for mask, g in zip(maps.valid, groups, strict=True)], 1)
    of_scale = scale_weights(spec).to(logits.device)
    scale = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts)).to(logits.device)
    weights = of_scale[scale] * valid

    margin = bit_margin(logits)
    entropy = functional.binary_cross_entropy_with_logits(margin, labels.to(margin.dtype), reduction="none").mean(-1)
    if reference:
        full = torch.tensor([cells * groups for cells, groups in spec.sizes], device=logits.device)
        norm = (of_scale * full).sum()
    else:
        norm = weights.sum(1)
    loss = ((weights * entropy).sum(1) / norm).mean()

    right = ((margin > 0) == labels.bool()).float().mean(-1)
    return BitLoss(loss, _by_scale(entropy.detach(), valid, counts), _by_scale(right, valid, counts))


def _by_scale(value: Tensor, valid: Tensor, counts: list[int]) -> Tensor:
    """Average (B, L) over the valid tokens of each scale of a motion, and over the motions: (K,)."""
    sums = torch.stack([part.sum(1) for part in torch.split(value * valid, counts, 1)])
    sizes = torch.stack([part.sum(1) for part in torch.split(valid, counts, 1)])
    return (sums / sizes).mean(1)
