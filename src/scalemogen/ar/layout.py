"""Where each token of a sequence stands: its scale and its place on the finest grid.

The sequence puts the scales one after another, coarse to fine; inside a scale time is the outer index and the group
the inner one. Axis letters: B batch, L tokens, K scales, N_k time cells and G_k groups of scale k, H heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from scalemogen.contracts import Scale, TokenSpec
from scalemogen.scales import area_windows


@dataclass(frozen=True)
class TokenLayout:
    """The tokens of all scales, cropped to the longest motion of a batch.

    Attributes:
        sizes: (N_k, G_k) of every scale.
        bounds: K + 1 token offsets; scale k holds tokens bounds[k] to bounds[k + 1] - 1.
        scale: (L,) int64, the scale of each token.
        rotary: (L, head_dim / 2) complex64, see `rotary_table`.
        members: (L, G) float32, the share of each body part in the group of each token; rows sum to 1.
        spans: (L, 2) float32, the cells of the finest grid at which each token begins and ends.
    """

    sizes: tuple[tuple[int, int], ...]
    bounds: tuple[int, ...]
    scale: Tensor
    rotary: Tensor
    members: Tensor
    spans: Tensor

    def tokens(self, k: int) -> slice:
        """Return the tokens of scale k."""
        return slice(self.bounds[k], self.bounds[k + 1])

    def causal(self, tokens: int | None = None) -> Tensor:
        """Return (L, L) bool, True where the row's token may see the column's: its own scale and all coarser ones.

        Args:
            tokens: ask for the first ones only.
        """
        scale = self.scale[:tokens]
        return scale[:, None] >= scale[None, :]


def build_layout(spec: TokenSpec, times: Sequence[int], head_dim: int, device: torch.device) -> TokenLayout:
    """Lay out the first `times[k]` time cells of every scale k.

    Raises:
        ValueError: another number of scales than the spec's, or more cells than its full grid has.
    """
    full = spec.sizes
    if len(times) != len(full) or any(not 1 <= time <= size for time, (size, _) in zip(times, full, strict=True)):
        raise ValueError(f"scales of {tuple(times)} time cells do not fit the full grid {full}")
    sizes = tuple((time, groups) for time, (_, groups) in zip(times, full, strict=True))
    positions = [
        torch.cartesian_prod(
            _on_finest_grid(size, spec.cells)[:time],
            _on_finest_grid(groups, spec.parts),
        )
        for time, (size, groups) in zip(times, full, strict=True)
    ]
    counts = [time * groups for time, groups in sizes]
    each = list(zip(times, spec.scales, strict=True))
    return TokenLayout(
        sizes=sizes,
        bounds=(0, *accumulate(counts)),
        scale=torch.arange(len(counts)).repeat_interleave(torch.tensor(counts)).to(device),
        rotary=rotary_table(torch.cat(positions), head_dim).to(device),
        members=torch.cat([_members(scale, spec.parts).repeat(time, 1) for time, scale in each]).to(device),
        spans=torch.cat([_spans(spec, k, time) for k, time in enumerate(times)]).to(device),
    )


def _members(scale: Scale, parts: int) -> Tensor:
    """Return (G_k, G) the share of each part in each group of a scale."""
    share = torch.zeros(len(scale.groups), parts)
    for group, members in enumerate(scale.groups):
        share[group, list(members)] = 1.0 / len(members)
    return share


def _spans(spec: TokenSpec, k: int, time: int) -> Tensor:
    """Return (N_k * G_k, 2) float32 beginning and end of every token of the first `time` cells of scale k."""
    size, groups = spec.sizes[k]
    return torch.stack(area_windows(spec.cells, size), 1)[:time].float().repeat_interleave(groups, 0)


def _on_finest_grid(size: int, finest: int) -> Tensor:
    """Return for every index of an axis of `size` its place on the finest axis, halves rounded to even."""
    return (torch.arange(size) * (finest / size)).round()


def rotary_table(positions: Tensor, head_dim: int, base: float = 10000.0) -> Tensor:
    """Return the rotations of a 2-D rotary embedding.

    The first half of the channel pairs turns with time, the second half with the group; pair i of a half turns by
    `position * base ** (-2 i / (head_dim / 2))` radians.

    Args:
        positions: (L, 2) time cell and group, on the finest grid.
        head_dim: channels of a head, a multiple of 4.
        base: slowest wavelength over 2 pi, about.

    Returns:
        (L, head_dim / 2) complex64 of modulus 1.
    """
    half = head_dim // 2
    frequency = base ** -(torch.arange(0, half, 2, dtype=torch.float64) / half)
    angle = (positions.to(torch.float64)[:, :, None] * frequency).flatten(1)
    return torch.polar(torch.ones_like(angle), angle).to(torch.complex64)
