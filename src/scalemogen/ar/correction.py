"""Bitwise self-correction: corrupt the context, keep the labels honest (paper_facts section 5).

The flips enter `Pyramid.quantise(..., flips=...)`: a flipped code goes into the running sum and into the residual of
the next scale, so that the next label corrects the damage, while the label of its own scale stays unflipped.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from einops import rearrange
from torch import Tensor

from scalemogen.errors import UserError

RATE_STEP = 0.01


def draw_flips(
    batch: int,
    sizes: Sequence[tuple[int, int]],
    bits: int,
    *,
    strength: float,
    generator: torch.Generator,
    shared_rate: bool = False,
) -> tuple[Tensor, ...]:
    """Draw which bits to flip.

    The rate of a sample and scale is uniform on {0, 0.01, .. strength}; each of its bits flips with that probability.

    Args:
        batch: B.
        sizes: (N_k, G_k) of every scale (`Pyramid.sizes(cells)`).
        bits: D.
        strength: highest rate, 0 to 1; the paper's is 0.3.
        generator: source of all randomness.
        shared_rate: one rate per scale for the whole batch, as in the reference.

    Returns:
        per scale (B, N_k, G_k, D) bool on the generator's device.

    Raises:
        UserError: a strength outside 0..1, or no multiple of 0.01.
    """
    levels = round(strength / RATE_STEP) + 1
    if not 0.0 <= strength <= 1.0 or abs(strength - (levels - 1) * RATE_STEP) > 1e-9:
        raise UserError(f"bit flip strength is {strength}; it must lie in 0..1 and be a multiple of {RATE_STEP}")
    device = generator.device
    rates = torch.randint(levels, (1 if shared_rate else batch, len(sizes)), generator=generator, device=device)
    counts = [cells * groups for cells, groups in sizes]
    draws = torch.rand(batch, sum(counts), bits, generator=generator, device=device)
    return tuple(
        rearrange(draw < rates[:, k, None, None] * RATE_STEP, "b (n g) d -> b n g d", n=sizes[k][0])
        for k, draw in enumerate(torch.split(draws, counts, 1))
    )
