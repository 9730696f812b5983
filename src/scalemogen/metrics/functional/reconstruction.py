"""Mean per-joint position error (MPJPE) of reconstructed motion, per clip, in the unit of the input (metres)."""

from __future__ import annotations

import torch
from torch import Tensor

ROOT = 0


def mpjpe_world(predicted: Tensor, target: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Return each clip's mean joint distance with nothing aligned: path, heading and height errors count.

        e_b = 1 / (length_b J) * sum over t < length_b and j of |predicted[b, t, j] - target[b, t, j]|

    Both motions must be given in one world frame. Joints decoded from features are: their first frame stands at
    the origin and faces +Z, so drift of the integrated root path is measured from a common start.

    Args:
        predicted: (B, T, J, 3) joint positions, metres; frames outside a clip may hold anything, also NaN.
        target: (B, T, J, 3).
        lengths: (B,) frames of each clip, 1..T; all T frames when not given.

    Returns:
        (B,) metres.

    Raises:
        ValueError: the shapes do not fit, or a length is outside 1..T.
    """
    inside = _inside(predicted, target, lengths)
    distance = torch.linalg.vector_norm(predicted - target, dim=-1).mean(dim=-1)
    return torch.where(inside, distance, 0).sum(dim=-1) / inside.sum(dim=-1)


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


def _from_root(positions: Tensor) -> Tensor:
    return positions - positions[..., ROOT : ROOT + 1, :]


def _inside(predicted: Tensor, target: Tensor, lengths: Tensor | None) -> Tensor:
    """Return the mask (B, T) of frames inside each clip."""
    if predicted.ndim != 4 or predicted.shape[-1] != 3 or predicted.shape != target.shape:
        raise ValueError(f"two equal shapes (B, T, J, 3) wanted, not {[*predicted.shape]} and {[*target.shape]}")
    size, frames = predicted.shape[:2]
    if lengths is None:
        return torch.ones(size, frames, dtype=torch.bool, device=predicted.device)
    if lengths.shape != (size,) or bool(((lengths < 1) | (lengths > frames)).any()):
        raise ValueError(f"{size} lengths in 1..{frames} wanted, not {lengths.tolist()}")
    return torch.arange(frames, device=predicted.device) < lengths.to(predicted.device)[:, None]
