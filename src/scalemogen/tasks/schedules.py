"""Learning-rate schedules, stepped once per optimiser step."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from scalemogen.errors import UserError


@dataclass
class Schedule:
    """A linear warm-up, then a decay.

    Attributes:
        warmup_steps: steps over which the rate rises linearly to its full value.
        decay: "none"; "steps": times `factor` at every milestone; "cosine": to `factor` times the rate at the end.
        milestones: optimiser steps of "steps".
        factor: see `decay`.
    """

    warmup_steps: int = 0
    decay: Literal["none", "steps", "cosine"] = "none"
    milestones: list[int] = field(default_factory=list)
    factor: float = 0.3

    def scale(self, step: int, total: int) -> float:
        """Return the multiple of the stated rate at `step` of `total`."""
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        if self.decay == "steps":
            return float(self.factor ** sum(step >= milestone for milestone in self.milestones))
        if self.decay == "cosine":
            share = (step - self.warmup_steps) / max(1, total - self.warmup_steps)
            return self.factor + (1 - self.factor) * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
        return 1.0

    def build(self, optimiser: Optimizer, total: float) -> LambdaLR:
        """Return the scheduler for a run of `total` optimiser steps.

        Raises:
            UserError: a cosine over a run without an end.
        """
        if self.decay == "cosine" and not math.isfinite(total):
            raise UserError("a cosine schedule needs an end: set trainer.max_steps or trainer.max_epochs")
        steps = int(total) if math.isfinite(total) else 0
        return LambdaLR(optimiser, lambda step: self.scale(step, steps))
