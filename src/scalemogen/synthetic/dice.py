"""Seeded draws: the only source of randomness of the generator."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TypeVar

import torch

T = TypeVar("T")

_BLOCK = 128


class Dice:
    """Independent draws of several kinds.

    Args:
        generator: where they come from; it is advanced in blocks.
    """

    def __init__(self, generator: torch.Generator) -> None:
        self._generator = generator
        self._pool: list[float] = []

    @classmethod
    def seeded(cls, *numbers: int) -> Dice:
        """Return dice that depend on the numbers alone, and differ for different ones."""
        digest = hashlib.blake2b("/".join(map(str, numbers)).encode(), digest_size=8).digest()
        return cls(torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1))

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Draw evenly from [low, high)."""
        if not self._pool:
            self._pool = torch.rand(_BLOCK, generator=self._generator, dtype=torch.float64).tolist()
        return low + (high - low) * self._pool.pop()

    def around(self, mean: float, spread: float) -> float:
        """Draw bell-shaped (the sum of three uniforms) from [mean - 2 spread, mean + 2 spread]."""
        return mean + spread * 4.0 / 3.0 * (self.uniform() + self.uniform() + self.uniform() - 1.5)

    def integer(self, low: int, high: int) -> int:
        """Draw evenly from low, ..., high (both included)."""
        return min(high, low + int(self.uniform() * (high - low + 1)))

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return self.uniform() < probability

    def choice(self, options: Sequence[T]) -> T:
        """Draw one of the options evenly."""
        return options[self.integer(0, len(options) - 1)]

    def weighted(self, options: Mapping[T, float]) -> T:
        """Draw one of the keys with probability proportional to its value."""
        mark = self.uniform(0.0, sum(options.values()))
        for option, weight in options.items():
            mark -= weight
            if mark < 0.0:
                return option
        return next(reversed(tuple(options)))

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """Return the options in random order."""
        left = list(options)
        return [left.pop(self.integer(0, len(left) - 1)) for _ in range(len(left))]
