"""Token statistics as torchmetrics classes.

Their answers are plain objects: in tuples and dataclasses, torchmetrics takes the axes off tensors of one element, and
a tokenizer of one scale would lose its axis K.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor
from torchmetrics import Metric

from scalemogen.contracts import TokenMaps
from scalemogen.metrics.functional.bits import mutual_information


class Usage:
    """How evenly the bits of each scale are used.

    Args:
        entropy: (K,) mean over bits of the entropy in bits of each bit's frequency, 0..1.
        used: (K,) share of bits that took both values, 0..1.
        frequency: (K, D) share of ones.
    """

    def __init__(self, entropy: Tensor, used: Tensor, frequency: Tensor) -> None:
        self.entropy = entropy
        self.used = used
        self.frequency = frequency


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
        self.add_state("ones", torch.zeros(scales, bits, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros(scales, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, maps: TokenMaps) -> None:
        """Count the bits of a batch."""
        for k, (bits, valid) in enumerate(zip(maps.bits, maps.valid, strict=True)):
            inside = bits & valid[:, :, None, None]
            self.ones[k] += inside.sum((0, 1, 2))
            self.count[k] += valid.sum() * bits.shape[2]

    def compute(self) -> Usage:
        """Return the usage over all updates and processes."""
        ones, count = self.ones.cpu().double(), self.count.cpu().double()
        frequency = ones / count.clamp(min=1.0)[:, None]
        entropy = torch.special.entr(frequency) + torch.special.entr(1.0 - frequency)
        used = ((ones > 0) & (ones < count[:, None])).double()
        return Usage(entropy.mean(1) / torch.log(torch.tensor(2.0)), used.mean(1), frequency)


class Dependence:
    """How much the bits of a token tell about each other.

    Args:
        mean: (K,) mean over pairs of different bits of their mutual information in bits, 0..1; 0 if D = 1.
        pairs: (K, D, D) of every pair; the diagonal holds each bit's entropy.
    """

    def __init__(self, mean: Tensor, pairs: Tensor) -> None:
        self.mean = mean
        self.pairs = pairs


class BitDependence(Metric):
    """Mutual information of the bits of a token, for every scale, over tokens inside the motions.

    Bits that repeat each other waste capacity, and ar predicts them as if they were independent. See
    `functional.mutual_information`.

    Args:
        scales: K.
        bits: D.
    """

    full_state_update = False
    both: Tensor
    count: Tensor

    def __init__(self, scales: int, bits: int) -> None:
        super().__init__()
        self.add_state("both", torch.zeros(scales, bits, bits, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros(scales, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, maps: TokenMaps) -> None:
        """Count the pairs of ones of a batch."""
        for k, (bits, valid) in enumerate(zip(maps.bits, maps.valid, strict=True)):
            inside = rearrange(bits & valid[:, :, None, None], "b n g d -> (b n g) d").double()
            self.both[k] += inside.T @ inside
            self.count[k] += valid.sum().double() * bits.shape[2]

    def compute(self) -> Dependence:
        """Return the dependence over all updates and processes."""
        pairs = mutual_information(self.both, self.count)
        bits = pairs.shape[-1]
        between = pairs.sum((-2, -1)) - pairs.diagonal(dim1=-2, dim2=-1).sum(-1)
        return Dependence(between / max(bits * (bits - 1), 1), pairs)
