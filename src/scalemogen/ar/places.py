"""Where a token stands, as a vector: its scale, its body parts, its time in the motion.

Axis letters: B batch, L tokens, K scales, G parts, M model width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from scalemogen.ar.layout import TokenLayout
from scalemogen.contracts import TokenSpec

HARMONICS = 8


class BodyAndTime(nn.Module):
    """A vector for the body parts of a token, and one for its time and the motion's length.

    Differs from the reference, where nothing but the relative angles of rotary attention tells one token of a scale
    from another as long as both hold the same sum of codes, as a left arm and a right one do until they are parted; and
    where the coarse scales, which plan the motion, do not know how long it is. Small models learn faster with places:
    docs/training.md has figures.

    Equation: mean over the parts of the token's group of a learned vector, plus a linear map of cos(π h x), h = 1..8,
    x the middle of the token over the length of the motion, the same over the longest length, and the length over the
    longest length.

    Args:
        spec: parts, and cells of the longest motion.
        width: M.
    """

    def __init__(self, spec: TokenSpec, width: int) -> None:
        super().__init__()
        self.longest = spec.cells
        self.parts = nn.Parameter(torch.empty(spec.parts, width))
        self.time = nn.Linear(3 * HARMONICS, width)
        nn.init.trunc_normal_(self.parts, std=1.0 / math.sqrt(3.0 * width))
        nn.init.zeros_(self.time.bias)

    def forward(self, layout: TokenLayout, tokens: slice, cells: Tensor) -> Tensor:
        """Return (B, tokens, M).

        Args:
            layout: of the whole sequence.
            tokens: those that are asked for.
            cells: (B,) latent time cells of the motions.
        """
        length = cells[:, None].to(layout.spans.dtype)
        middle = torch.minimum(layout.spans[tokens], length[..., None]).mean(-1)
        times = torch.stack([middle / length, middle / self.longest, (length / self.longest).expand_as(middle)], -1)
        waves = torch.cos(times[..., None] * (math.pi * torch.arange(1, HARMONICS + 1, device=times.device)))
        body = layout.members[tokens].to(self.parts.dtype) @ self.parts
        time: Tensor = self.time(waves.flatten(-2).to(self.parts.dtype))
        return body + time
