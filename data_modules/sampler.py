"""Which clips make a batch, on every process, for every epoch.

A sampler yields whole batches (`Draws`); its loader has `batch_size=None`. Being a DistributedSampler, it is left alone
by Lightning whatever `use_distributed_sampler` says, and gets `set_epoch` at the start of every epoch.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sized
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, DistributedSampler

from scalemogen.files import digest_json


@dataclass(frozen=True)
class Draws:
    """One batch, described.

    Attributes:
        items: (B,) int64 positions in the data set's list of items.
        crops: (B,) float64 in [0, 1), where to cut a clip that is longer than an item may be.
        choices: (B,) float64 in [0, 1), which caption to take.
        speeds: (B,) float64 in [0, 1), how fast to play a clip where speeds may change; see `SpeedChange`.
    """

    items: NDArray[np.int64]
    crops: NDArray[np.float64]
    choices: NDArray[np.float64]
    speeds: NDArray[np.float64]


class _BatchSampler(DistributedSampler[Draws], ABC):
    """Base of both samplers: knows its rank and yields batches."""

    def __init__(self, items: Sized, rank: int, world: int, seed: int) -> None:
        super().__init__(cast("Dataset[Draws]", items), num_replicas=world, rank=rank, seed=seed)

    @abstractmethod
    def __iter__(self) -> Iterator[Draws]:
        """Yield this rank's batches of the current epoch."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of batches, the same on every rank."""


class BucketSampler(_BatchSampler):
    """Training batches of clips of similar length, in random order.

    An epoch is drawn from (seed, epoch) alone: clips are sorted by length with some noise, cut into groups of
    `batch_size * world` clips, and the groups shuffled; the ranks deal the clips of a group out among themselves. So
    all ranks have equally many batches of like lengths, and together they see in each step what one process with a
    `world` times larger batch would see. Every clip comes once an epoch, but for the tail: fewer than
    `batch_size * world` clips, drawn anew each epoch, are left out. If there are not even that many, there is one batch
    of `len(frames) // world` clips on each rank. With `weights`, as many clips are drawn, with replacement.

    Args:
        frames: (items,) frames of each item.
        batch_size: clips in a batch, on each rank.
        weights: (items,) how often each is drawn, in any unit; None draws each once.
        rank, world: this process and the number of processes.
        seed: of the order.
        noise: relative width of the noise on lengths; more mixes better and pads more. With 0.1, batches of 16 are
            padded by 3 to 4 % on the data of the CPU recipes.

    Attributes:
        first: batches of the epoch that are left out when it is next drawn: those that a resumed run has had.

    Raises:
        ValueError: a batch size below 1, or fewer items than ranks.
    """

    def __init__(
        self,
        frames: NDArray[np.int64],
        *,
        batch_size: int,
        weights: NDArray[np.float64] | None = None,
        rank: int = 0,
        world: int = 1,
        seed: int = 0,
        noise: float = 0.1,
    ) -> None:
        if batch_size < 1 or len(frames) < world:
            raise ValueError(f"batches of {batch_size} from {len(frames)} clips on {world} ranks")
        super().__init__(frames, rank, world, seed)
        self._frames = frames
        self._weights = None if weights is None else torch.from_numpy(weights).double()
        self._group = min(batch_size, len(frames) // world) * world
        self._noise = noise
        self.first = 0

    def __len__(self) -> int:
        return len(self._frames) // self._group

    def __iter__(self) -> Iterator[Draws]:
        # A digest, since torch's generator looks at the lower 32 bits of its seed only.
        seed = int(digest_json([self.seed, self.epoch]), 16) % 2**32
        generator = torch.Generator().manual_seed(seed)
        count = len(self) * self._group
        drawn = self._draw(count, generator).numpy()
        crops, choices, noise = torch.rand(3, count, generator=generator, dtype=torch.float64).numpy()
        blurred = self._frames[drawn] * (1 + self._noise * (noise - 0.5))
        groups = np.argsort(blurred, kind="stable").reshape(len(self), self._group)
        order = torch.randperm(len(self), generator=generator).tolist()
        speeds = torch.rand(count, generator=generator, dtype=torch.float64).numpy()
        for group in order[self.first :]:
            rows = groups[group, self.rank :: self.num_replicas]
            yield Draws(drawn[rows], crops[rows], choices[rows], speeds[rows])

    def _draw(self, count: int, generator: torch.Generator) -> Tensor:
        if self._weights is None:
            return torch.randperm(len(self._frames), generator=generator)[:count]
        ends = self._weights.cumsum(0)
        points = torch.rand(count, generator=generator, dtype=torch.float64) * ends[-1]
        return torch.searchsorted(ends, points, right=True).clamp(max=len(ends) - 1)


class OrderedSampler(_BatchSampler):
    """Validation batches: every clip in its order, its first caption, nothing random.

    Clips are split evenly into groups of up to `batch_size * world`, and the ranks deal the clips of a group out among
    themselves, so that each clip is seen exactly once, and all ranks together see in each step what one process with a
    `world` times larger batch would see. Only where a group has fewer clips than there are ranks, those left without
    one repeat its first, since ranks must take equally many steps.

    Args:
        items: number of items, at least 1.
        batch_size: most clips in a batch, on each rank.
        rank, world: this process and the number of processes.

    Raises:
        ValueError: a batch size below 1, or no items.
    """

    def __init__(self, items: int, *, batch_size: int, rank: int = 0, world: int = 1) -> None:
        if batch_size < 1 or items < 1:
            raise ValueError(f"batches of {batch_size} from {items} clips")
        super().__init__(range(items), rank, world, seed=0)
        self._items = items
        self._batches = math.ceil(items / (batch_size * world))

    def __len__(self) -> int:
        return self._batches

    def __iter__(self) -> Iterator[Draws]:
        for group in np.array_split(np.arange(self._items), self._batches):
            items = group[self.rank :: self.num_replicas]
            items = items if len(items) else group[:1]
            zeros = np.zeros(len(items))
            yield Draws(items, zeros, zeros, zeros)
