"""Metrics of motion and tokens: torchmetrics classes here, pure functions in `functional`."""

from scalemogen.metrics.tokens import BitUsage, Usage

__all__ = ["BitUsage", "Usage"]
