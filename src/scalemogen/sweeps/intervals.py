"""Means over training seeds, with the uncertainty that so few of them leave."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

QUANTILES = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281)
"""97.5 % quantiles of Student's t with 1, 2, ... 10 degrees of freedom."""


def t_quantile(freedom: int) -> float:
    """Return the 97.5 % quantile of Student's t; above 10 degrees by its expansion around the normal one.

    Raises:
        ValueError: fewer than one degree of freedom.
    """
    if freedom < 1:
        raise ValueError(f"{freedom} degrees of freedom; at least 1 is needed")
    if freedom <= len(QUANTILES):
        return QUANTILES[freedom - 1]
    z = 1.959964
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


@dataclass(frozen=True)
class Spread:
    """How far trainings of one recipe differ that differ in their seed alone, taken to be the same for every recipe.

    Attributes:
        deviation: pooled over the recipes, sqrt(Σ (n - 1) s² / Σ (n - 1)).
        freedom: Σ (n - 1).
    """

    deviation: float
    freedom: int

    def interval(self, count: int) -> float:
        """Return the half width of the 95 % interval of a mean over `count` seeds, t · s / sqrt(n)."""
        return t_quantile(self.freedom) * self.deviation / math.sqrt(count)

    def least_difference(self, count: int) -> float:
        """Return by how much the means of two recipes, over `count` seeds each, differ by chance in 95 % of cases."""
        return math.sqrt(2) * self.interval(count)


def pooled_spread(groups: Sequence[Sequence[float]]) -> Spread | None:
    """Return the spread of the seeds, None where no recipe was trained twice.

    With two seeds a recipe's own deviation is hardly known (t = 12.7); six recipes with two seeds each have six degrees
    of freedom for their common one (t = 2.4).

    Args:
        groups: for each recipe a figure of all its trainings.
    """
    freedom = sum(len(values) - 1 for values in groups if values)
    if not freedom:
        return None
    means = [math.fsum(values) / len(values) for values in groups if values]
    squares = [
        (value - mean) ** 2 for values, mean in zip((g for g in groups if g), means, strict=True) for value in values
    ]
    return Spread(math.sqrt(math.fsum(squares) / freedom), freedom)


def mean_interval(values: Sequence[float]) -> tuple[float, float | None]:
    """Return the mean and the half width of its 95 % interval, t · s / sqrt(n); None for a single value.

    Args:
        values: one for each training seed.
    """
    count = len(values)
    mean = math.fsum(values) / count
    if count == 1:
        return mean, None
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1))
    return mean, t_quantile(count - 1) * deviation / math.sqrt(count)
