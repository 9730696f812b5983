"""Clips of unequal length in one tensor: which frames count, and means over them."""

from __future__ import annotations

import torch
from torch import Tensor

from scalemogen.contracts import length_mask
from scalemogen.errors import UserError


def frames_inside(values: Tensor, lengths: Tensor | None) -> Tensor:
    """Return the mask (B, T) of frames inside each clip.

    Args:
        values: (B, T, ...).
        lengths: (B,) frames of each clip, 1..T; all T frames when not given.

    Raises:
        ValueError: a length is outside 1..T, or there are not B of them.
    """
    size, frames = values.shape[:2]
    if lengths is None:
        return torch.ones(size, frames, dtype=torch.bool, device=values.device)
    if lengths.shape != (size,) or bool(((lengths < 1) | (lengths > frames)).any()):
        raise ValueError(f"{size} lengths in 1..{frames} wanted, not {lengths.tolist()}")
    return length_mask(lengths.to(values.device), frames)


def runs_inside(inside: Tensor, frames: int) -> Tensor:
    """Return where `frames` frames in a row, the given one first, are inside: (B, T - frames + 1) of a mask (B, T)."""
    if inside.shape[1] < frames:
        return inside[:, :0]
    return inside.unfold(1, frames, 1).all(dim=-1)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean (B,) of values (B, T) where the mask is True, NaN where it never is."""
    return torch.where(mask, values, 0).sum(dim=-1) / mask.sum(dim=-1)


def require_positions(positions: Tensor) -> None:
    """Refuse what is not (B, T, J, 3).

    Raises:
        ValueError: naming the shape.
    """
    if positions.ndim != 4 or positions.shape[-1] != 3:
        raise ValueError(f"positions (B, T, J, 3) wanted, not {[*positions.shape]}")


def require_finite(values: Tensor, lengths: Tensor | None, name: str) -> None:
    """Refuse clips with values that are not finite; frames outside a clip may hold anything.

    Args:
        values: (B, T, ...).
        lengths: (B,), or None for T each.
        name: what the values are, for the message ("generated positions").

    Raises:
        UserError: naming the first clip and frame, and how many clips are concerned.
    """
    bad = frames_inside(values, lengths) & ~values.flatten(2).isfinite().all(dim=-1)
    if bool(bad.any()):
        clip, frame = (int(index) for index in bad.nonzero()[0])
        count = int(bad.any(dim=1).sum())
        raise UserError(
            f"{name} are not finite in {count} of {len(bad)} clips of the batch, first in clip {clip} at frame {frame}"
        )
