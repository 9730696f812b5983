"""Where in a clip a short piece of motion is found again: all offsets at once, by matrix products.

Axis letters: Q pieces looked for, W frames of the longest, B clips, T frames, J joints.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as nnf
from einops import rearrange
from torch import Tensor

from scalemogen.metrics.functional.clips import frames_inside, require_finite, require_positions


class Segments(NamedTuple):
    """The segment of each of B clips that is nearest to each of Q pieces.

    Attributes:
        distances: (B, Q) root mean squares, as in `segment_distance`; infinite where the clip is shorter than the
            piece.
        offsets: (B, Q) int64, first frame of the segment.
    """

    distances: Tensor
    offsets: Tensor


def nearest_segments(pieces: Tensor, sizes: Tensor, clips: Tensor, lengths: Tensor, *, step: int = 1) -> Segments:
    """Find each piece in each clip, at the offset where `segment_distance` is least; no offset is left out.

    |a - b|^2 = |a|^2 + |b|^2 - 2 ab, about the mean of the pieces, which keeps the terms small: in float32 distances
    of joints that lie within a metre of the mean are right to about 0.5 mm where they are 0, and far better where they
    are millimetres.

    Args:
        pieces: (Q, W, J, 3) joint positions, metres; frames outside a piece may hold anything, also NaN.
        sizes: (Q,) frames of each piece, 1..W.
        clips: (B, T, J, 3) likewise, on the same device.
        lengths: (B,) frames of each clip, 1..T.
        step: every how many frames of a piece count.

    Raises:
        ValueError: the shapes do not fit, or a length is out of its range.
        UserError: a value inside a piece or a clip is not finite.
    """
    sampled = _sampled(pieces, sizes, step)
    require_positions(clips)
    require_finite(clips, lengths, "clips")
    weights = sampled.to(pieces)
    centre = torch.einsum("qkjc,qk->jc", _inside(pieces[:, ::step], sampled), weights) / weights.sum()
    mine = _inside(pieces[:, ::step] - centre, sampled)
    padding = (0, 0, 0, 0, 0, pieces.shape[1] - 1)
    theirs = nnf.pad(_inside(clips - centre, frames_inside(clips, lengths)), padding)
    runs = theirs.unfold(1, pieces.shape[1], 1)[..., ::step]
    products = rearrange(runs, "b o j c k -> b o (k j c)") @ rearrange(mine, "q k j c -> (k j c) q")
    energy = theirs.square().sum(dim=(2, 3)).unfold(1, pieces.shape[1], 1)[..., ::step] @ weights.T
    squared = energy - 2.0 * products + mine.square().sum(dim=(1, 2, 3))
    room = lengths[:, None] - torch.arange(clips.shape[1], device=clips.device)
    squared = squared.masked_fill(room[..., None] < sizes, torch.inf)
    least = squared.min(dim=1)
    count = weights.sum(dim=1) * pieces.shape[2]
    return Segments((least.values.clamp_min(0.0) / count).sqrt(), least.indices)


def segment_distance(pieces: Tensor, segments: Tensor, sizes: Tensor, *, step: int = 1) -> Tensor:
    """Return how far apart pieces and segments are: the root mean square over frames and joints of joint distances.

    Args:
        pieces: (Q, W, J, 3) joint positions, metres; frames outside may hold anything, also NaN.
        segments: (Q, W, J, 3).
        sizes: (Q,) frames of each, 1..W.
        step: every how many frames count.

    Returns:
        (Q,) metres, computed in float64.

    Raises:
        ValueError: the shapes do not fit, or a length is outside 1..W.
        UserError: a value inside is not finite.
    """
    if pieces.shape != segments.shape:
        raise ValueError(f"two equal shapes (Q, W, J, 3) wanted, not {[*pieces.shape]} and {[*segments.shape]}")
    sampled = _sampled(pieces, sizes, step)
    require_finite(segments, sizes, "segments")
    apart = (pieces[:, ::step].double() - segments[:, ::step].double()).square().sum(dim=-1).mean(dim=-1)
    return (torch.where(sampled, apart, 0.0).sum(dim=-1) / sampled.sum(dim=-1)).sqrt()


def _sampled(pieces: Tensor, sizes: Tensor, step: int) -> Tensor:
    """Return which of every `step`-th frames are inside (Q, K), after checking the pieces."""
    require_positions(pieces)
    require_finite(pieces, sizes, "pieces of motion")
    return frames_inside(pieces, sizes)[:, ::step]


def _inside(values: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask[..., None, None], values, 0.0)
