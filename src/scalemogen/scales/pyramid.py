"""The one pyramid that serves quantisation, teacher forcing, generation and editing (paper_facts section 4).

Axis letters: B batch, N latent time cells, G parts, D bits; N_k, G_k those of scale k; L tokens over all scales.
A latent is (B, N, G, D). Everything outside a motion is zero.

Time rule: a motion of `length` frames has n = ceil(length / frames_per_cell) latent cells; a scale with divisor f has
N_k = N // f cells on the full grid, of which the first ceil(n N_k / N) are inside the motion: those whose windows begin
within it. The resampling matrices are those of the full grid, cropped to the longest motion of a batch: padded and
cropped results agree, and no cell is computed on which nothing depends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import torch
from einops import einsum, rearrange
from torch import Tensor, nn

from scalemogen.bsq import bits_to_codes, quantise
from scalemogen.contracts import TokenMaps, TokenSpec, length_mask
from scalemogen.errors import UserError
from scalemogen.scales.resample import area_matrix, linear_matrix
from scalemogen.scales.schedule import check_scales

MIN_BITS, MAX_BITS = 4, 64
MOST_VALUES = 1 << 27
"""Of all resampling matrices together: half a gigabyte."""

_Cells = TypeVar("_Cells", int, Tensor)


@dataclass(frozen=True)
class Quantised:
    """What the residual loop gives.

    Attributes:
        maps: label bits of every scale (before any flip) and their masks.
        residuals: per scale the pooled residual a_k (B, N_k, G_k, D), before normalisation.
        sums: per scale the running sum of codes after it (B, N, G, D); the last one is the quantised latent.
        inputs: (B, L - L_0, D) inputs of scales 1.. of the transformer; None unless asked for.
    """

    maps: TokenMaps
    residuals: tuple[Tensor, ...]
    sums: tuple[Tensor, ...]
    inputs: Tensor | None


class Pyramid(nn.Module):
    """Fixed resampling between the full grid (N, G) and the grid of each scale. Has no parameters.

    Args:
        spec: scales, bits and grid.
        padding: "zero" (default) keeps everything outside a motion at zero. "reference" keeps the running sum as it
            comes, spilling over the end, as the reference implementation does when it generates.

    Raises:
        UserError: the scale list does not refine or does not end at the full grid, or the bit count is not 4..64.
    """

    def __init__(self, spec: TokenSpec, padding: Literal["zero", "reference"] = "zero") -> None:
        super().__init__()
        check_scales(spec.scales, spec.cells, spec.parts)
        if not MIN_BITS <= spec.bits <= MAX_BITS:
            raise UserError(f"{spec.bits} bits a token; allowed are {MIN_BITS} to {MAX_BITS}")
        if sum(3 * spec.cells * size for size, _ in spec.sizes) > MOST_VALUES:
            raise UserError(f"{spec.cells} latent cells with {len(spec.scales)} scales ask for too large matrices")
        self.spec = spec
        self.padding = padding
        self._plain: list[bool] = []
        for k, scale in enumerate(spec.scales):
            size = spec.cells // scale.divisor
            member = torch.zeros(len(scale.groups), spec.parts, device="cpu")
            for group, parts in enumerate(scale.groups):
                member[group, list(parts)] = 1.0
            self._add_matrix(f"area_{k}", area_matrix(spec.cells, size))
            self._add_matrix(f"linear_up_{k}", linear_matrix(size, spec.cells))
            self._add_matrix(f"linear_down_{k}", linear_matrix(spec.cells, size))
            self._add_matrix(f"mean_{k}", member / member.sum(1, keepdim=True))
            self._add_matrix(f"copy_{k}", member.T.contiguous())
            self._plain.append(torch.equal(member, torch.eye(spec.parts, device="cpu")))

    def _add_matrix(self, name: str, matrix: Tensor) -> None:
        self.register_buffer(name, matrix, persistent=False)

    def _matrix(self, name: str, k: int) -> Tensor:
        return self.get_buffer(f"{name}_{k}")

    @property
    def scales(self) -> int:
        """K, the number of scales."""
        return len(self.spec.scales)

    def cells(self, lengths: Tensor) -> Tensor:
        """Return latent cells (B,) of motions of `lengths` (B,) frames.

        Raises:
            UserError: a length outside 1..max_frames.
        """
        low, high = int(lengths.min()), int(lengths.max())
        if low < 1 or high > self.spec.max_frames:
            wrong = low if low < 1 else high
            raise UserError(f"a motion of {wrong} frames; this model takes 1 to {self.spec.max_frames}")
        return self._cells(lengths)

    def _cells(self, lengths: Tensor) -> Tensor:
        return -(-lengths // self.spec.frames_per_cell)  # asks nothing of the device: no step has to wait for it

    def size(self, k: int, cells: int | None = None) -> tuple[int, int]:
        """Return (N_k, G_k), cropped to motions of at most `cells` latent cells (default: the full grid)."""
        full, groups = self.spec.sizes[k]
        return (full if cells is None else self._reached(k, cells)), groups

    def _reached(self, k: int, cells: _Cells) -> _Cells:
        """Return how many of the N_k windows of scale k begin within the first `cells` latent cells."""
        return -(-cells * self.spec.sizes[k][0] // self.spec.cells)

    def sizes(self, cells: int | None = None) -> list[tuple[int, int]]:
        """Return (N_k, G_k) of every scale."""
        return [self.size(k, cells) for k in range(self.scales)]

    def valid(self, lengths: Tensor, cells: int | None = None) -> tuple[Tensor, ...]:
        """Return per scale the mask (B, N_k), True = inside the motion.

        Args:
            lengths: (B,) frames.
            cells: latent cells to crop to; default the full grid.
        """
        own = self._cells(lengths)
        masks = []
        for k in range(self.scales):
            index = torch.arange(self.size(k, cells)[0], device=lengths.device)
            masks.append(index < self._reached(k, own)[:, None])
        return tuple(masks)

    def latent_mask(self, lengths: Tensor, cells: int) -> Tensor:
        """Return the mask (B, cells) of the finest time axis, True = inside the motion."""
        return length_mask(self._cells(lengths), cells)

    def down(self, z: Tensor, k: int) -> Tensor:
        """Pool a latent (B, N, G, C) to scale k: area average in time, mean over the parts of a group."""
        return self._group(self._resample(z, "area", k, self.size(k, z.shape[1])[0]), "mean", k)

    def up(self, q: Tensor, k: int, cells: int) -> Tensor:
        """Copy codes (B, N_k, G_k, C) back to (B, cells, G, C): linear in time, a group's value to its parts."""
        return self._group(self._resample(q, "linear_up", k, cells), "copy", k)

    def next_input(self, total: Tensor, k: int, inside: Tensor) -> Tensor:
        """Resample the running sum (B, N, G, C) to the transformer's input at scale k: linear in time, group mean.

        The centre of a motion's last cell can lie past the motion's end, where the sum is zero: there, the sum of the
        last latent cell inside is taken. (The reference's codes spill over the end, which has the same purpose.)

        Args:
            total: running sum.
            k: scale.
            inside: (B, N) `latent_mask`.
        """
        size = self.size(k, total.shape[1])[0]
        x = self._resample(total, "linear_down", k, size)
        if self.padding == "zero" and self.spec.scales[k].divisor > 1:
            covered = inside.to(total.dtype) @ self._matrix("linear_down", k)[:size, : total.shape[1]].T
            last = total[torch.arange(len(total), device=total.device), inside.sum(1) - 1]
            x = x + (1.0 - covered)[:, :, None, None] * last[:, None]
        return self._group(x, "mean", k)

    def _resample(self, x: Tensor, name: str, k: int, size: int) -> Tensor:
        if self.spec.scales[k].divisor == 1:
            return x
        return einsum(self._matrix(name, k)[:size, : x.shape[1]], x, "t n, b n g c -> b t g c")

    def _group(self, x: Tensor, name: str, k: int) -> Tensor:
        return x if self._plain[k] else einsum(self._matrix(name, k), x, "h g, b t g c -> b t h c")

    def codes(self, bits: Tensor, valid: Tensor) -> Tensor:
        """Return codes (B, N_k, G_k, D) of bits; 0 outside the motion."""
        return bits_to_codes(bits) * valid[:, :, None, None]

    def accumulate(self, total: Tensor, codes: Tensor, k: int, inside: Tensor) -> Tensor:
        """Add the codes of scale k to the running sum (B, N, G, D); `inside` is `latent_mask`."""
        total = total + self.up(codes, k, total.shape[1])
        return total if self.padding == "reference" else total * inside[:, :, None, None]

    def quantise(
        self,
        z: Tensor,
        lengths: Tensor,
        *,
        keep: Sequence[bool] | None = None,
        flips: Sequence[Tensor] | None = None,
        inputs: bool = False,
        keep_padding: bool = False,
    ) -> Quantised:
        """Run the multi-scale residual quantisation.

        For each scale: a = Down(r), b = sign(a), q = b / sqrt(D), then r <- r - Up(q), sum <- sum + Up(q). With
        `flips`, the flipped code enters sum and residual while the label stays unflipped, so that the next label
        corrects the damage (bitwise self-correction).

        Always computed in float32 at least, also under autocast: a bit is a sign.

        Args:
            z: (B, N, G, D) projected latent.
            lengths: (B,) frames.
            keep: per scale, False = this scale is skipped (scale dropout); the last one must be kept.
            flips: per scale (B, N_k, G_k, D) bool, True = flip this bit in the context.
            inputs: also return the transformer's inputs.
            keep_padding: reproduce the reference's training path, which leaves the padding in: the residual is not
                zeroed outside a motion, and codes there are ±1/sqrt(D).

        Returns:
            Quantised; residuals and bits of skipped scales are zero and their sums unchanged.
        """
        with torch.autocast(z.device.type, enabled=False):
            return self._quantise(
                z.to(torch.promote_types(z.dtype, torch.float32)), lengths, keep, flips, inputs, keep_padding
            )

    def _quantise(
        self,
        z: Tensor,
        lengths: Tensor,
        keep: Sequence[bool] | None,
        flips: Sequence[Tensor] | None,
        inputs: bool,
        keep_padding: bool,
    ) -> Quantised:
        cells = z.shape[1]
        inside = self.latent_mask(lengths, cells)
        everywhere = torch.ones_like(inside)
        masks = self.valid(lengths, cells)
        residual, total = z, torch.zeros_like(z)
        bits_of, residuals, sums, feeds = [], [], [], []
        for k, valid in enumerate(masks):
            if inputs and k:
                feeds.append(self.next_input(total, k, inside))
            if keep is not None and not keep[k]:
                skipped = z.new_zeros(*valid.shape, len(self.spec.scales[k].groups), self.spec.bits)
                residuals.append(skipped)
                bits_of.append(skipped.bool())
                sums.append(total)
                continue
            window = everywhere if keep_padding else inside
            a = self.down(residual * window[:, :, None, None], k)
            residuals.append(a)
            code, bits = quantise(a)
            label = bits & valid[:, :, None, None]
            bits_of.append(label)
            if flips is not None:
                code = bits_to_codes((label if keep_padding else bits) ^ flips[k]).to(z.dtype)
            elif keep_padding:
                code = bits_to_codes(label).to(z.dtype)
            if not keep_padding:
                code = code * valid[:, :, None, None]
            update = self.up(code, k, cells)
            residual = residual - update
            total = total + update
            if not keep_padding and self.padding == "zero":
                total = total * inside[:, :, None, None]
            sums.append(total)
        stacked = self.flatten(feeds) if inputs and feeds else None
        return Quantised(TokenMaps(tuple(bits_of), masks), tuple(residuals), tuple(sums), stacked)

    def latent(self, maps: TokenMaps, lengths: Tensor) -> Tensor:
        """Return the quantised latent (B, N, G, D) that the bits of all scales stand for."""
        cells = maps.valid[-1].shape[1]
        inside = self.latent_mask(lengths, cells)
        size = (len(lengths), cells, self.spec.parts, self.spec.bits)
        total = torch.zeros(size, device=maps.bits[-1].device)
        for k, (bits, valid) in enumerate(zip(maps.bits, maps.valid, strict=True)):
            total = self.accumulate(total, self.codes(bits, valid), k, inside)
        return total

    @staticmethod
    def flatten(per_scale: Sequence[Tensor]) -> Tensor:
        """Join (B, N_k, G_k, C) of several scales into (B, L, C), time-major inside a scale."""
        return torch.cat([rearrange(x, "b n g c -> b (n g) c") for x in per_scale], 1)

    def token_mask(self, masks: Sequence[Tensor]) -> Tensor:
        """Repeat the time masks (B, N_k) over groups and join them into (B, L) bool."""
        groups = [len(scale.groups) for scale in self.spec.scales]
        return torch.cat([mask.repeat_interleave(g, 1) for mask, g in zip(masks, groups, strict=True)], 1)

    def split(self, x: Tensor, cells: int | None = None) -> tuple[Tensor, ...]:
        """Undo `flatten` over all scales: (B, L, C) to per scale (B, N_k, G_k, C)."""
        sizes = self.sizes(cells)
        pieces = torch.split(x, [n * g for n, g in sizes], 1)
        return tuple(rearrange(piece, "b (n g) c -> b n g c", n=n) for piece, (n, _) in zip(pieces, sizes, strict=True))
