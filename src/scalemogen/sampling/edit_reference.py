"""The reference implementation's editing rule, with its union of frame range and body parts (docs/editing.md).

Axis letters: B batch, K scales, N_k time cells and G_k groups of scale k, D bits.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import Tensor

from scalemogen.contracts import TokenSpec
from scalemogen.sampling.bits import probability_of
from scalemogen.sampling.generate import Decide


def reference_region(
    spec: TokenSpec, k: int, frames: tuple[int, int] | None = None, parts: Collection[int] = ()
) -> Tensor:
    """Return (N_k, G_k) bool on the full grid, True = token in the region that the user marked.

    A frame range becomes whole time cells, both ends rounded down, so that a coarse scale may hold none. A group is
    inside when all its parts are listed. With a frame range, the parts change nothing.

    Args:
        spec: token grid.
        k: scale.
        frames: first frame, and the frame after the last.
        parts: numbers of body parts.
    """
    cells, groups = spec.sizes[k]
    if frames is None:
        listed = [set(group) <= set(parts) for group in spec.scales[k].groups]
        return torch.tensor(listed).expand(cells, groups)
    start, stop = (frame // spec.frames_per_cell // spec.scales[k].divisor for frame in frames)
    index = torch.arange(cells)[:, None]
    return ((index >= start) & (index < stop)).expand(cells, groups)


def reference_decide(
    spec: TokenSpec,
    cached: Sequence[Tensor],
    probabilities: Sequence[Tensor],
    *,
    gamma: int,
    tau: float,
    frames: tuple[int, int] | None = None,
    parts: Collection[int] = (),
    threshold: int | None = None,
) -> Decide:
    """Return the reference's choice of bits, for `generate` with a pyramid in reference padding.

    Below scale γ a new bit is taken inside the region only. From γ on it is taken inside the region, and everywhere
    else where P_s(B_s) - P_t(B_s) > τ. From `threshold` on every bit is new.

    Args:
        spec: token grid.
        cached: per scale (B, N_k, G_k, D) bits of the source, also outside the motion.
        probabilities: per scale (B, N_k, G_k, D) the source's probability of bit 1.
        gamma: γ, a number of scales.
        tau: τ.
        frames: see `reference_region`.
        parts: see `reference_region`.
        threshold: a scale; None = no such scale.
    """

    def decide(k: int, probability: Tensor, bits: Tensor) -> Tensor:
        if threshold is not None and k >= threshold:
            return bits
        took = reference_region(spec, k, frames, parts)[..., None].to(bits.device)
        if k >= gamma:
            fall = probability_of(cached[k], probabilities[k]) - probability_of(cached[k], probability)
            took = took | (fall > tau)
        return torch.where(took, bits, cached[k])

    return decide
