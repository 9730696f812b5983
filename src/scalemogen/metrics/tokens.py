"""Token statistics as torchmetrics classes."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torchmetrics import Metric

from scalemogen.contracts import TokenMaps


class Usage(NamedTuple):
    """How evenly the bits of each scale are used.

    Attributes:
        entropy: (K,) mean over bits of the entropy in bits of each bit's frequency, 0..1.
        used: (K,) share of bits that took both values, 0..1.
        frequency: (K, D) share of ones.
    """

    entropy: Tensor
    used: Tensor
    frequency: Tensor


class BitUsage(Metric):
    """Frequency of ones for every bit of every scale, over tokens inside the motions.

    Args:
        scales: K.
        bits: D.
    """

    full_state_update = False
    ones: Tensor
    count: Tensor

    def __init__(self, scales: int, bits: int) -> None:
        super().__init__()
        self.add_state("ones", torch.zeros(scales, bits, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros(scales, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, maps: TokenMaps) -> None:
        """Count the bits of a batch."""
        for k, (bits, valid) in enumerate(zip(maps.bits, maps.valid, strict=True)):
            inside = bits & valid[:, :, None, None]
            self.ones[k] += inside.sum((0, 1, 2)).double()
            self.count[k] += valid.sum().double() * bits.shape[2]

    def compute(self) -> Usage:
        """Return the usage over all updates and processes."""
        frequency = self.ones / self.count.clamp(min=1.0)[:, None]
        entropy = torch.special.entr(frequency) + torch.special.entr(1.0 - frequency)
        used = ((self.ones > 0) & (self.ones < self.count[:, None])).double()
        return Usage(entropy.mean(1) / torch.log(torch.tensor(2.0)), used.mean(1), frequency)
