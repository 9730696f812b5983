"""Mean and standard deviation of a training split, gathered clip by clip in float64."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from scalemogen.motion import FeatureLayout, Normaliser
from scalemogen.skeletons import Skeleton


class Moments:
    """Running count, mean and squared deviations of F features (Chan, Golub and LeVeque's pairwise update).

    Args:
        width: F.
    """

    def __init__(self, width: int) -> None:
        self.count = 0
        self.mean = np.zeros(width)
        self.squares = np.zeros(width)

    def update(self, features: NDArray[np.float32]) -> None:
        """Add a clip (T, F) with T >= 1."""
        clip = features.astype(np.float64)
        count, mean = len(clip), clip.mean(0)
        total = self.count + count
        shift = mean - self.mean
        self.squares = self.squares + ((clip - mean) ** 2).sum(0) + shift**2 * (self.count * count / total)
        self.mean = self.mean + shift * (count / total)
        self.count = total

    def normaliser(self, layout: FeatureLayout, skeleton: Skeleton) -> Normaliser:
        """Return mean and standard deviation (F,), the latter shared within the layout's groups."""
        variance = torch.from_numpy(self.squares / self.count)
        return Normaliser.from_moments(torch.from_numpy(self.mean), variance, layout.groups(skeleton))
