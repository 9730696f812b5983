"""The common part of metrics that are means over clips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torchmetrics import Metric


class ClipMeans(Metric):
    """Weighted means over clips of several figures, equal on any number of processes.

    A clip whose figure is NaN (it was too short, or had nothing to measure on) does not count in that figure.

    Attributes:
        names: the figures, in order, with their units.
    """

    full_state_update = False
    names: ClassVar[tuple[str, ...]]
    totals: Tensor
    weights: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("totals", torch.zeros(len(self.names), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("weights", torch.zeros(len(self.names), dtype=torch.float64), dist_reduce_fx="sum")

    def add(self, figures: Mapping[str, Tensor], weights: Mapping[str, Tensor] | None = None) -> None:
        """Add the figures (B,) of a batch, each clip counting as much as its weight (B,), or once."""
        values = torch.stack([figures[name] for name in self.names]).to(self.totals)
        known = values.isfinite()
        share = known.to(self.weights)
        if weights is not None:
            share = share * torch.stack([weights[name] for name in self.names]).to(share)
        self.totals = self.totals + (share * torch.where(known, values, 0)).sum(dim=1)
        self.weights = self.weights + share.sum(dim=1)

    def compute(self) -> dict[str, Tensor]:
        """Return the means over all updates and processes by name; NaN where no clip had the figure."""
        return dict(zip(self.names, self.totals / self.weights, strict=True))
