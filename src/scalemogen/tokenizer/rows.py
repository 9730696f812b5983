"""Motions of unequal lengths one behind another on a single time axis, so that no layer computes padding.

Axis letters: B motions, N latent cells of the longest one, R rows of a level, J joints, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor


@dataclass(frozen=True)
class Level:
    """The rows of one time resolution.

    Attributes:
        starts: (B,) int64, the first row of every motion.
        rows: (sum of the motions' times,) int64, the rows that hold a time of a motion, motion after motion.
        clips: likewise, the motion of each of them.
        times: likewise, its time in that motion.
        gaps: (B + 1,) int64, the rows of zeros before, between and behind the motions.
        size: R, all rows.
    """

    starts: Tensor
    rows: Tensor
    clips: Tensor
    times: Tensor
    gaps: Tensor
    size: int

    def to(self, device: torch.device | str) -> Level:
        """Return a copy on `device`."""
        starts, rows, clips = self.starts.to(device), self.rows.to(device), self.clips.to(device)
        return Level(starts, rows, clips, self.times.to(device), self.gaps.to(device), self.size)


class Rows:
    """Where each time of each motion lies, at every time resolution from latent cells (level 0) to frames (the last).

    A level has one row of zeros before the first motion, one behind the last and one between two neighbours, so that a
    convolution over three rows sees zeros beyond either end of a motion, whatever lies behind them. The next level has
    two rows for each row of a motion. All index tensors are made once for a batch.

    Args:
        cells: (B,) latent cells of each motion, each at least 1.
        stages: levels above the latent one.
        device: of the index tensors.
    """

    def __init__(self, cells: Sequence[int], stages: int, device: torch.device | str = "cpu") -> None:
        counts = torch.tensor(cells)
        levels = [_level(counts * 2**stage) for stage in range(stages + 1)]
        self.motions = len(cells)
        self.levels = [level.to(device) for level in levels]
        neighbours = list(pairwise(levels))
        self._halves = [_halves(fine, coarse, device) for coarse, fine in neighbours]
        self._sources = [_sources(fine, coarse, counts * 2**i, device) for i, (coarse, fine) in enumerate(neighbours)]

    def pack(self, x: Tensor, level: int) -> Tensor:
        """Take (B, T, ...), T at least the longest motion's times, to (R, ...) with zeros in the gaps."""
        at = self.levels[level]
        packed = x.new_zeros(at.size, *x.shape[2:])
        return packed.index_copy(0, at.rows, x[at.clips, at.times])

    def unpack(self, x: Tensor, level: int, times: int) -> Tensor:
        """Take (R, ...) to (B, times, ...), with zeros where a motion has no such time."""
        at = self.levels[level]
        padded = x.new_zeros(self.motions * times, *x.shape[1:])
        filled = padded.index_copy(0, at.clips * times + at.times, x[at.rows])
        return filled.view(self.motions, times, *x.shape[1:])

    def halve(self, x: Tensor, level: int) -> Tensor:
        """Average pairs of times: (J, R, C) of `level` to (J, R', C) of the next coarser one."""
        early, late = self._halves[level - 1]
        return (x.index_select(1, early) + x.index_select(1, late)) * 0.5

    def double(self, x: Tensor, level: int) -> Tensor:
        """Interpolate linearly by 2: (J, R, C) of `level` to (J, R', C) of the next finer one.

        Half-pixel centres: each time is split into one a quarter of the way to its neighbour before and one to its
        neighbour behind; beyond either end of a motion the end itself is repeated.
        """
        near, far = self._sources[level]
        return torch.lerp(x.index_select(1, near), x.index_select(1, far), 0.25)


def _level(counts: Tensor) -> Level:
    ends = (counts + 1).cumsum(0)
    starts = ends - counts
    clips = torch.arange(len(counts)).repeat_interleave(counts)
    times = torch.arange(int(counts.sum())) - (counts.cumsum(0) - counts)[clips]
    gaps = torch.cat([starts - 1, ends[-1:]])
    return Level(starts, starts[clips] + times, clips, times, gaps, int(ends[-1]) + 1)


def _halves(fine: Level, coarse: Level, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Return for each coarse row the two fine rows it stands for; for a gap, the first gap twice."""
    early = torch.zeros(coarse.size, dtype=torch.long)
    late = early.clone()
    early[coarse.rows] = fine.starts[coarse.clips] + 2 * coarse.times
    late[coarse.rows] = early[coarse.rows] + 1
    return early.to(device), late.to(device)


def _sources(fine: Level, coarse: Level, counts: Tensor, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Return for each fine row the coarse row it lies in, and that row's neighbour on its side."""
    near = torch.zeros(fine.size, dtype=torch.long)
    far = near.clone()
    time = fine.times // 2
    neighbour = time + 2 * (fine.times % 2) - 1
    near[fine.rows] = coarse.starts[fine.clips] + time
    far[fine.rows] = coarse.starts[fine.clips] + torch.minimum(neighbour.clamp(min=0), counts[fine.clips] - 1)
    return near.to(device), far.to(device)
