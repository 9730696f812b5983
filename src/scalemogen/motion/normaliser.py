"""Features to zero mean and comparable size, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

STEADY = 1e-4
"""A group whose standard deviation is smaller does not vary; it is left unscaled."""


@dataclass(frozen=True)
class Normaliser:
    """Shift and scale of F features.

    Attributes:
        mean: (F,) float32.
        std: (F,) float32, positive.

    Raises:
        ValueError: shapes differ, a value is not finite, or a standard deviation is not positive.
    """

    mean: Tensor
    std: Tensor

    def __post_init__(self) -> None:
        if self.mean.ndim != 1 or self.mean.shape != self.std.shape:
            raise ValueError(f"mean {tuple(self.mean.shape)} and std {tuple(self.std.shape)} are not both (F,)")
        if not (self.mean.isfinite().all() and self.std.isfinite().all() and (self.std > 0).all()):
            raise ValueError("mean and std must be finite, std positive")

    @classmethod
    def from_moments(cls, mean: Tensor, variance: Tensor, groups: Mapping[str, Sequence[int]]) -> Normaliser:
        """Build from statistics of a training split.

        Args:
            mean: (F,).
            variance: (F,).
            groups: channels that share one standard deviation, the root of their mean variance (a layout's `groups`):
                a channel that hardly varies is then not blown up against its neighbours.
        """
        std = torch.ones_like(variance, dtype=torch.float64)
        for channels in groups.values():
            if channels:
                pooled = variance.double()[list(channels)].mean().sqrt()
                std[list(channels)] = pooled if pooled >= STEADY else 1.0
        return cls(mean.float(), std.float())

    def normalise(self, features: Tensor) -> Tensor:
        """Map features (..., F) in their units to normalised ones."""
        return (features - self.mean.to(features)) / self.std.to(features)

    def denormalise(self, features: Tensor) -> Tensor:
        """Map normalised features (..., F) back to their units."""
        return features * self.std.to(features) + self.mean.to(features)
