"""Errors of reconstructed motion against its original, per clip, in metres, frames and radians.

Frames outside a clip may hold anything, also NaN.
"""

from __future__ import annotations

import torch
from torch import Tensor

from scalemogen.metrics.functional.clips import frames_inside, masked_mean, require_positions, runs_inside
from scalemogen.motion.rotations import inverse, multiply

ROOT = 0


def mpjpe_world(predicted: Tensor, target: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Return each clip's mean joint distance with nothing aligned: path, heading and height errors count.

        e_b = 1 / (length_b J) * sum over t < length_b and j of |predicted[b, t, j] - target[b, t, j]|

    Both motions must be given in one world frame. Joints decoded from features are: their first frame stands at
    the origin and faces +Z, so drift of the integrated root path is measured from a common start.

    Args:
        predicted: (B, T, J, 3) joint positions, metres.
        target: (B, T, J, 3).
        lengths: (B,) frames of each clip, 1..T; all T frames when not given.

    Returns:
        (B,) metres.

    Raises:
        ValueError: the shapes do not fit, or a length is outside 1..T.
    """
    inside = _inside(predicted, target, lengths)
    distance = torch.linalg.vector_norm(predicted - target, dim=-1).mean(dim=-1)
    return masked_mean(distance, inside)


def mpjpe_root_aligned(predicted: Tensor, target: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Return each clip's mean joint distance after moving both roots to the origin, frame by frame.

    Only the root's position is removed (all three coordinates); headings are not aligned, so a body that faces the
    wrong way counts as wrong. The root joint itself, whose error is zero, is one of the J joints of the mean,
    as is usual in the field.

    Args:
        predicted: (B, T, J, 3) joint positions, metres, joint 0 is the root.
        target: (B, T, J, 3).
        lengths: (B,) frames of each clip, 1..T; all T frames when not given.

    Returns:
        (B,) metres.

    Raises:
        ValueError: the shapes do not fit, or a length is outside 1..T.
    """
    return mpjpe_world(_from_root(predicted), _from_root(target), lengths)


def mpjpe_procrustes(predicted: Tensor, target: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Return each clip's mean joint distance after the best similarity transform of every frame (PA-MPJPE).

    In every frame the predicted pose is moved, turned (never mirrored) and scaled so that the sum of squared
    distances to the target is least (Umeyama 1991); what is left is the error of the pose itself.

    Args:
        predicted: (B, T, J, 3) joint positions, metres.
        target: (B, T, J, 3).
        lengths: (B,) frames of each clip, 1..T; all T frames when not given.

    Returns:
        (B,) metres, computed in float64.

    Raises:
        ValueError: the shapes do not fit, or a length is outside 1..T.
    """
    inside = _inside(predicted, target, lengths)
    # What is outside may be NaN, which the decomposition would not stand.
    mine, truth = (torch.where(inside[..., None, None], x, 0).double() for x in (predicted, target))
    mine, truth = (x - x.mean(dim=-2, keepdim=True) for x in (mine, truth))
    left, values, right = torch.linalg.svd(torch.einsum("btji,btjk->btik", truth, mine))
    handed = torch.linalg.det(left @ right).sign()
    signs = torch.stack((torch.ones_like(handed), torch.ones_like(handed), handed), dim=-1)
    rotation = (left * signs[..., None, :]) @ right
    size = mine.square().sum(dim=(-2, -1)).clamp_min(1e-12)
    scale = (values * signs).sum(dim=-1) / size
    aligned = scale[..., None, None] * torch.einsum("btik,btjk->btji", rotation, mine)
    distance = torch.linalg.vector_norm(aligned - truth, dim=-1).mean(dim=-1)
    return masked_mean(distance, inside).to(predicted)


def acceleration_error(predicted: Tensor, target: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Return each clip's mean distance between joint accelerations, per frame squared as in the field.

        a[t] = x[t + 1] - 2 x[t] + x[t - 1]

    Args:
        predicted: (B, T, J, 3) joint positions in the world, metres.
        target: (B, T, J, 3).
        lengths: (B,) frames of each clip, 1..T; all T frames when not given.

    Returns:
        (B,) metres per frame squared (times the squared frame rate: m/s^2); NaN for clips of fewer than three frames.

    Raises:
        ValueError: the shapes do not fit, or a length is outside 1..T.
    """
    inside = runs_inside(_inside(predicted, target, lengths), 3)
    difference = (predicted - target).diff(n=2, dim=1)
    return masked_mean(torch.linalg.vector_norm(difference, dim=-1).mean(dim=-1), inside)


def rotation_error(predicted: Tensor, target: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Return each clip's mean angle between joint rotations, the shorter way round (geodesic).

    Args:
        predicted: (B, T, J, 4) unit quaternions; q and -q are the same rotation.
        target: (B, T, J, 4).
        lengths: (B,) frames of each clip, 1..T; all T frames when not given.

    Returns:
        (B,) radians, 0..pi, computed in float64.

    Raises:
        ValueError: the shapes do not fit, or a length is outside 1..T.
    """
    if predicted.ndim != 4 or predicted.shape[-1] != 4 or predicted.shape != target.shape:
        raise ValueError(f"two equal shapes (B, T, J, 4) wanted, not {[*predicted.shape]} and {[*target.shape]}")
    inside = frames_inside(predicted, lengths)
    turn = multiply(inverse(predicted.double()), target.double())
    angle = 2.0 * torch.atan2(torch.linalg.vector_norm(turn[..., :3], dim=-1), turn[..., 3].abs())
    return masked_mean(angle.mean(dim=-1), inside).to(predicted)


def _from_root(positions: Tensor) -> Tensor:
    return positions - positions[..., ROOT : ROOT + 1, :]


def _inside(predicted: Tensor, target: Tensor, lengths: Tensor | None) -> Tensor:
    """Return the mask (B, T) of frames inside each clip."""
    require_positions(predicted)
    if predicted.shape != target.shape:
        raise ValueError(f"two equal shapes (B, T, J, 3) wanted, not {[*predicted.shape]} and {[*target.shape]}")
    return frames_inside(predicted, lengths)
