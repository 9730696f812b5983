"""How a set of token maps uses its bits, scale by scale."""

from __future__ import annotations

from typing import Any

import torch

from scalemogen.contracts import TokenMaps
from scalemogen.metrics import BitDependence, BitUsage


class TokenCount:
    """Counts the bits of batches; `result` adds up the processes.

    Args:
        scales: K.
        bits: D.
    """

    def __init__(self, scales: int, bits: int) -> None:
        self._usage, self._dependence = BitUsage(scales, bits), BitDependence(scales, bits)
        # A process that is dealt no batch has counted nothing, which is no mistake.
        self.update(TokenMaps((torch.zeros(0, 1, 1, bits).bool(),) * scales, (torch.zeros(0, 1).bool(),) * scales))

    def update(self, maps: TokenMaps) -> None:
        """Count the bits of a batch."""
        here = TokenMaps(tuple(bits.cpu() for bits in maps.bits), tuple(valid.cpu() for valid in maps.valid))
        self._usage.update(here)
        self._dependence.update(here)

    def result(self) -> dict[str, Any]:
        """Return lists over the scales.

        "entropy": mean over bits of the entropy of a bit's frequency, 0..1; "used": share of bits that took both
        values; "mutual_information": mean over pairs of bits of a token, in bits.
        """
        usage, dependence = self._usage.compute(), self._dependence.compute()
        values = {"entropy": usage.entropy, "used": usage.used, "mutual_information": dependence.mean}
        return {name: value.tolist() for name, value in values.items()}
