"""Losses of stage 1 (paper_facts sections 3 and 4), as means over what is inside the motions of all processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional

from scalemogen.bsq import entropy_terms, normalise, quantise, soft_bits
from scalemogen.contracts import length_mask
from scalemogen.distributed import masked_mean
from scalemogen.scales import Quantised

ROOT_CHANNELS = 4


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms; defaults are the reference's, but for the last three, which it does not have.

    Attributes:
        root: smooth-L1 of the first four (root) features.
        velocity: smooth-L1 of the joint velocity channels.
        quantiser: the BSQ regulariser as a whole.
        commitment: squared distance of the normalised residual to its code, inside the regulariser.
        entropy: both entropy terms, inside the regulariser, before the division by beta.
        inverse_temperature: beta of the soft bits.
        joints: distance in metres of the joints in the root's frame.
        path: distance in metres of the integrated root path.
        heading: absolute error in radians of the integrated heading.
    """

    root: float = 0.5
    velocity: float = 0.5
    quantiser: float = 4.0
    commitment: float = 0.25
    entropy: float = 0.1
    inverse_temperature: float = 100.0
    joints: float = 5.0
    path: float = 1.0
    heading: float = 1.0


def _smooth_l1(prediction: Tensor, target: Tensor, inside: Tensor) -> Tensor:
    return masked_mean(functional.smooth_l1_loss(prediction, target, reduction="none"), inside[..., None])


def reconstruction_losses(
    prediction: Tensor, target: Tensor, lengths: Tensor, velocities: slice | tuple[int, ...]
) -> dict[str, Tensor]:
    """Return the unweighted terms "features", "root" and "velocity", each a smooth L1 over inside frames.

    Args:
        prediction: (B, T, F) normalised features.
        target: likewise.
        lengths: (B,) frames.
        velocities: the joint velocity channels.
    """
    inside = length_mask(lengths, target.shape[1])
    return {
        "features": _smooth_l1(prediction, target, inside),
        "root": _smooth_l1(prediction[..., :ROOT_CHANNELS], target[..., :ROOT_CHANNELS], inside),
        "velocity": _smooth_l1(prediction[..., velocities], target[..., velocities], inside),
    }


def joint_loss(prediction: Tensor, target: Tensor, lengths: Tensor) -> Tensor:
    """Return the mean distance (metres) between joints in the root's frame. Not in the reference.

    A smooth L1 in standard deviations hardly pulls below some centimetres; this term does.

    Args:
        prediction: (B, T, 3 J') position channels of the features, in metres.
        target: likewise.
        lengths: (B,) frames.
    """
    inside = length_mask(lengths, target.shape[1])
    distance = _distance(rearrange(prediction - target, "b t (j xyz) -> b t j xyz", xyz=3))
    return masked_mean(distance, inside[:, :, None])


def path_losses(prediction: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor], lengths: Tensor) -> dict[str, Tensor]:
    """Return the unweighted terms "path" (metres) and "heading" (radians) of the integrated root motion.

    The features hold speeds; small errors of one sign add up to metres that no other term sees. Not in the reference.

    Args:
        prediction: heading (B, T) and root position (B, T, 3), as a layout's `root_path` gives them.
        target: likewise.
        lengths: (B,) frames.
    """
    inside = length_mask(lengths, target[0].shape[1])
    heading = masked_mean((prediction[0] - target[0]).abs(), inside)
    return {"path": masked_mean(_distance(prediction[1] - target[1]), inside), "heading": heading}


def _distance(difference: Tensor) -> Tensor:
    """Return the norm of the last axis, with a gradient of zero at zero."""
    return (difference.square().sum(-1) + 1e-12).sqrt()


def quantiser_loss(quantised: Quantised, weights: LossWeights, keep: Sequence[bool] | None = None) -> Tensor:
    """Return the BSQ regulariser, unweighted by `weights.quantiser`, as the mean over the scales that were kept.

    0.25 ||a/||a|| - sg(q)||^2 (mean over bits) + (0.1 / beta) (E[H(p)] - H(E[p])), p = sigmoid(4 beta a_hat / sqrt(D)).
    """
    terms = []
    for k, (a, valid) in enumerate(zip(quantised.residuals, quantised.maps.valid, strict=True)):
        if keep is not None and not keep[k]:
            continue
        direction = normalise(a)
        codes = quantise(a.detach())[0]
        weight = valid[:, :, None].expand(a.shape[:3])
        commitment = masked_mean((direction - codes).square(), weight[..., None])
        sure, even = entropy_terms(soft_bits(direction, weights.inverse_temperature), weight)
        terms.append(weights.commitment * commitment + weights.entropy / weights.inverse_temperature * (sure - even))
    return torch.stack(terms).mean()
