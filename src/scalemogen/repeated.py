"""Blocks of which a network has many: what is recomputed, compiled and sharded as a unit."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


class Repeated(nn.Module):
    """Base of a block.

    Attributes:
        recompute: keep nothing but the inputs for the backward pass, and compute the block a second time there, with
            the same random numbers.
    """

    recompute = False

    def run(self, *inputs: Any) -> Tensor:
        """Call the block."""
        if self.recompute and torch.is_grad_enabled():
            recomputed: Tensor = checkpoint(self, *inputs, use_reentrant=False)
            return recomputed
        result: Tensor = self(*inputs)
        return result
