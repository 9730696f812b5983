"""Welch's test: do two sets of repeats differ by more than their spread?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance

import torch

STEPS = 4096
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Welch:
    """The difference of two means.

    Attributes:
        difference: second minus first.
        interval: half width of its 95 % interval, None where one set has a single value.
        p: two-sided probability of a difference at least as large when there is none; None likewise.
    """

    difference: float
    interval: float | None
    p: float | None

    @property
    def exceeds(self) -> bool | None:
        """Whether the difference exceeds its interval; None where that cannot be told."""
        return None if self.p is None else self.p < SIGNIFICANT


def welch(first: Sequence[float], second: Sequence[float]) -> Welch:
    """Compare two sets of values of unequal variance (Welch 1947).

        t = (m2 - m1) / sqrt(s1²/n1 + s2²/n2),   degrees of freedom by Welch and Satterthwaite

    Where no set varies, as figures of real motions over repeats that draw nothing, any difference is certain.
    """
    difference = fmean(second) - fmean(first)
    if min(len(first), len(second)) < 2:
        return Welch(difference, None, None)
    shares = [variance(values) / len(values) for values in (first, second)]
    error = math.sqrt(sum(shares))
    if error <= 1e-12 * max(abs(fmean(first)), abs(fmean(second))):  # nothing but rounding
        return Welch(difference, 0.0, float(abs(difference) <= 1e-9 * abs(fmean(first))))
    sizes = (len(first), len(second))
    freedom = error**4 / sum(share**2 / (size - 1) for share, size in zip(shares, sizes, strict=True))
    return Welch(difference, quantile(freedom) * error, two_sided(abs(difference) / error, freedom))


def two_sided(t: float, freedom: float) -> float:
    """Return the probability that |T| exceeds t for Student's T.

    With x = sqrt(ν) tan θ the density is Γ((ν+1)/2) / (sqrt(π) Γ(ν/2)) cos^(ν-1) θ, integrated by the midpoint rule
    over u, θ = π/2 - u², which takes out the steep end that few degrees of freedom have.
    """
    norm = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(math.pi)
    end = math.sqrt(math.pi / 2 - math.atan(t / math.sqrt(freedom)))
    u = (torch.arange(STEPS, dtype=torch.float64) + 0.5) * (end / STEPS)
    inside = torch.sin(u.square()) ** (freedom - 1) * 2 * u
    return min(1.0, 2 * norm * float(inside.sum()) * end / STEPS)


def quantile(freedom: float) -> float:
    """Return the t that |T| exceeds with probability SIGNIFICANT, by bisection."""
    low, high = 0.0, 1000.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if two_sided(middle, freedom) > SIGNIFICANT else (low, middle)
    return high
