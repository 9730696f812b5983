"""How far feet must be moved to stand still. T frames, L feet, C coordinates.

While a foot stands it is moved against its own steps, and so stays in place; what that adds up to is spread evenly
around the place where it stood. Between two stands the shift goes over smoothly from one to the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as nnf

BLEND_SECONDS = 0.3
"""Time in which a shift goes away after a stand, or comes before one."""

RAMP_SECONDS = 0.1
"""Time in which a foot comes to rest, so that it does not stop dead."""


def smoothstep(x: Tensor) -> Tensor:
    """Return 0 below 0, 1 above 1, and a curve without corners between."""
    x = x.clamp(0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


@dataclass(frozen=True)
class Stands:
    """Runs of frames in which feet stand and may be moved.

    Attributes:
        mask: (T, L) bool.
        free: (T, L) bool, True = the foot may be moved.
        first: (T, L) first frame of the run; outside runs, anything.
        last: (T, L) last frame of the run.
        number: (T, L) the run, counted from 1; 0 before the first one.
        fps: frames per second.
    """

    mask: Tensor
    free: Tensor
    first: Tensor
    last: Tensor
    number: Tensor
    fps: float

    @classmethod
    def of(cls, stands: Tensor, free: Tensor, fps: float) -> Stands:
        """Build from masks (T, L): where feet stand, and where they may be moved."""
        mask = stands & free
        edge = torch.zeros_like(mask[:1])
        starts = mask & ~torch.cat((edge, mask[:-1]))
        ends = mask & ~torch.cat((mask[1:], edge))
        return cls(mask, free, _last_true(starts), _next_true(ends), starts.int().cumsum(0), fps)

    @property
    def held(self) -> tuple[Tensor, Tensor]:
        """(T, L) bool each: the run begins right after frames that must not change, or ends right before such."""
        edge = torch.ones_like(self.free[:1])
        before, after = torch.cat((edge, self.free[:-1])), torch.cat((self.free[1:], edge))
        first, last = (
            ~near.gather(0, at.clamp(0, len(near) - 1)) for near, at in ((before, self.first), (after, self.last))
        )
        return first & self.mask, last & self.mask

    def rest(self) -> Tensor:
        """Return (T-1, L) how much of each step is to be taken away: 1, less where a foot comes to rest or leaves."""
        width = round(RAMP_SECONDS * self.fps) + 1
        held_first, held_last = self.held
        open_first = (self.first > 0) & ~held_first
        open_last = (self.last < len(self.mask) - 1) & ~held_last
        index = torch.arange(len(self.mask), device=self.mask.device)[:, None]
        inside = self.mask[:-1] & (index[:-1] < self.last[:-1])
        rise = smoothstep((index - self.first + 1) / width)[:-1]
        fall = smoothstep((self.last - index) / width)[:-1]
        share = torch.where(open_first[:-1], rise, 1.0) * torch.where(open_last[:-1], fall, 1.0)
        return share * inside

    def shift(self, steps: Tensor, limit: float) -> Tensor:
        """Return shifts (T, L, C), at most `limit` long, that keep standing feet in place.

        Args:
            steps: (T-1, L, C) way of the feet to the next frame, metres.
            limit: metres. A foot that slides farther than that to both sides is slowed down, not stopped.
        """
        way = -nnf.pad(self.rest()[..., None] * steps, (0, 0, 0, 0, 1, 0)).cumsum(0)
        low, high = self._over_runs(way, "amin"), self._over_runs(way, "amax")
        at_first, at_last = (_at(way, at) for at in (self.first, self.last))
        held_first, held_last = (held[..., None] for held in self.held)
        index = torch.arange(len(way), device=way.device)[:, None]
        along = smoothstep((index - self.first) / (self.last - self.first).clamp_min(1))[..., None].to(way)
        start = torch.where(held_first, at_first, torch.where(held_last, at_last, (low + high) / 2))
        end = torch.where(held_last, at_last, start)
        shift = way - torch.lerp(start, end, along)
        longest = self._over_runs(torch.linalg.vector_norm(shift, dim=-1, keepdim=True), "amax")
        return self.spread(shift * (limit / longest.clamp_min(limit)))

    def level(self, heights: Tensor) -> Tensor:
        """Return the mean (T, L) of `heights` (T, L) over each run, where feet rest most; 0 outside runs."""
        weights = nnf.pad(self.rest(), (0, 0, 0, 1)) + nnf.pad(self.rest(), (0, 0, 1, 0)) + 1e-6
        sums = [
            self._over_runs((values * weights)[..., None], "sum")[..., 0]
            for values in (heights, torch.ones_like(heights))
        ]
        return torch.where(self.mask, sums[0] / sums[1].clamp_min(1e-9), 0.0)

    def spread(self, values: Tensor) -> Tensor:
        """Return values (T, L, C) of runs carried on into the frames around them; 0 where nothing may change."""
        knots = self.mask | ~self.free
        values = torch.where(self.mask[..., None], values, 0.0)
        index = torch.arange(len(values), device=values.device)[:, None]
        before, after = _last_true(knots), _next_true(knots)
        width = torch.full(knots.shape, max(1.0, BLEND_SECONDS * self.fps), dtype=values.dtype, device=values.device)
        both = (before >= 0) & (after < len(values))
        width = torch.where(both, torch.minimum(width, (after - before).clamp_min(1).to(width)), width)
        fall = smoothstep(1 - (index - before) / width) * (before >= 0)
        rise = smoothstep(1 - (after - index) / width) * (after < len(values))
        carried = fall[..., None] * _at(values, before) + rise[..., None] * _at(values, after)
        return torch.where(knots[..., None], values, carried)

    def fade(self) -> Tensor:
        """Return (T, L) a share that rises from 0 in frames that must not change to 1 away from them."""
        index = torch.arange(len(self.free), device=self.free.device)[:, None]
        fixed = ~self.free
        before, after = _last_true(fixed), _next_true(fixed)
        away = torch.minimum(
            torch.where(before >= 0, index - before, torch.inf),
            torch.where(after < len(self.free), after - index, torch.inf),
        )
        return smoothstep(away / (BLEND_SECONDS * self.fps + 1))

    def _over_runs(self, values: Tensor, reduce: str) -> Tensor:
        """Return for every frame a reduction of values (T, L, C) over its run; 0 outside runs."""
        number = torch.where(self.mask, self.number, 0)[..., None].expand(values.shape)
        found = values.new_zeros(int(number.max()) + 1, *values.shape[1:])
        found = found.scatter_reduce(0, number, values, reduce, include_self=False)
        return torch.where(self.mask[..., None], found.gather(0, number), 0.0)


def lower_envelope(values: Tensor, radius: int) -> Tensor:
    """Return values (T, L) smoothed over `radius` frames to both sides, nowhere above what is given."""
    rows = nnf.pad(values.T[:, None], (2 * radius, 2 * radius), mode="replicate") if radius else values.T[:, None]
    least = -nnf.max_pool1d(-rows, 2 * radius + 1, stride=1)
    return nnf.avg_pool1d(least, 2 * radius + 1, stride=1)[:, 0].T


def _last_true(mask: Tensor) -> Tensor:
    """Return (T, L) the frame of the last True up to each frame, -1 where there is none."""
    index = torch.arange(len(mask), device=mask.device)[:, None]
    return torch.where(mask, index, -1).cummax(0).values


def _next_true(mask: Tensor) -> Tensor:
    """Return (T, L) the frame of the next True from each frame on, T where there is none."""
    index = torch.arange(len(mask), device=mask.device)[:, None]
    return torch.where(mask, index, len(mask)).flip(0).cummin(0).values.flip(0)


def _at(values: Tensor, frames: Tensor) -> Tensor:
    """Return values (T, L, C) at frames (T, L), these brought into range."""
    return values.gather(0, frames.clamp(0, len(values) - 1)[..., None].expand(values.shape))
