"""Encoder and decoder between motion features and the latent grid (paper_facts section 3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from scalemogen.skeletons import Skeleton
from scalemogen.tokenizer.layers import JointLinear, ResidualBlock, SkeletalPool, SkeletalUnpool, wide_linear
from scalemogen.tokenizer.rows import Rows


class JointChannels(nn.Module):
    """The fixed map between a feature vector (F,) and a padded table of each joint's own channels (J, c).

    Args:
        channels: feature indices of every joint; together each feature exactly once.
    """

    table: Tensor
    present: Tensor
    place: Tensor

    def __init__(self, channels: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.counts = [len(joint) for joint in channels]
        self.size = max(self.counts)
        features = sum(self.counts)
        if sorted(index for joint in channels for index in joint) != list(range(features)):
            raise ValueError("joint channels must name every feature exactly once")
        table = torch.zeros(len(channels), self.size, dtype=torch.long)
        present = torch.zeros(len(channels), self.size)
        place = torch.zeros(features, dtype=torch.long)
        for joint, indices in enumerate(channels):
            table[joint, : len(indices)] = torch.tensor(indices)
            present[joint, : len(indices)] = 1.0
            place[torch.tensor(indices)] = joint * self.size + torch.arange(len(indices))
        self.register_buffer("table", table, persistent=False)
        self.register_buffer("present", present, persistent=False)
        self.register_buffer("place", place, persistent=False)

    def gather(self, features: Tensor) -> Tensor:
        """Map (R, F) to (J, R, c), zero where a joint has fewer channels."""
        return (features.T[self.table] * self.present[..., None]).transpose(1, 2)

    def scatter(self, x: Tensor) -> Tensor:
        """Map (J, R, c) to (R, F)."""
        return x.transpose(0, 1).flatten(1)[:, self.place]


class MotionEncoder(nn.Module):
    """Features (R, F) of frames to latent (G, R', C) of cells of 2^stages frames; rows as `Rows` lays them out."""

    def __init__(self, skeleton: Skeleton, channels: JointChannels, *, width: int, blocks: int, dropout: float) -> None:
        super().__init__()
        self.channels = channels
        self.embed_in = JointLinear(channels.counts, channels.size, width)
        self.embed_out = JointLinear([width] * len(channels.counts), width, width)
        self.stages = nn.ModuleList()
        self.pools = nn.ModuleList()
        for level, groups in enumerate(skeleton.pools):
            adjacency = skeleton.adjacency(level)
            self.stages.append(nn.ModuleList(ResidualBlock(width, adjacency, dropout) for _ in range(blocks)))
            self.pools.append(SkeletalPool(groups, len(adjacency)))

    def forward(self, features: Tensor, rows: Rows) -> Tensor:
        """Encode; the rows between motions are zero in the result too."""
        level = len(self.stages)
        x = self.embed_out(functional.gelu(self.embed_in(self.channels.gather(features))))
        x = x.index_fill(1, rows.levels[level].gaps, 0.0)
        for stage, pool in zip(self.stages, self.pools, strict=True):
            for block in cast(Iterable[ResidualBlock], stage):
                x = block.run(x, rows.levels[level].gaps)
            x = pool(x, rows, level)
            level -= 1
        result: Tensor = x
        return result


class MotionDecoder(nn.Module):
    """Latent (G, R, C) of cells to features (R', F) of frames."""

    def __init__(self, skeleton: Skeleton, channels: JointChannels, *, width: int, blocks: int, dropout: float) -> None:
        super().__init__()
        self.channels = channels
        self.unpools = nn.ModuleList()
        self.stages = nn.ModuleList()
        for level in reversed(range(len(skeleton.pools))):
            adjacency = skeleton.adjacency(level)
            self.unpools.append(SkeletalUnpool(skeleton.pools[level], len(adjacency)))
            self.stages.append(nn.ModuleList(ResidualBlock(width, adjacency, dropout) for _ in range(blocks)))
        self.head_in = JointLinear([width] * len(channels.counts), width, width)
        self.head_out = JointLinear([width] * len(channels.counts), width, channels.size)

    def forward(self, x: Tensor, rows: Rows) -> Tensor:
        """Decode; `x` is zero in the rows between motions, where the result means nothing."""
        for level, (stage, unpool) in enumerate(zip(self.stages, self.unpools, strict=True), 1):
            x = unpool(x, rows, level - 1)
            for block in cast(Iterable[ResidualBlock], stage):
                x = block.run(x, rows.levels[level].gaps)
        hidden = functional.gelu(self.head_in(x))
        with torch.autocast(x.device.type, enabled=False):
            return self.channels.scatter(wide_linear(self.head_out, hidden))
