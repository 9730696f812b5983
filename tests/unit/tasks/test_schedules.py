"""Learning-rate schedules by hand."""

from __future__ import annotations

import math

import pytest
import torch

from scalemogen.errors import UserError
from scalemogen.tasks import Schedule


def optimiser() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)


def test_warm_up_then_milestones() -> None:
    schedule = Schedule(warmup_steps=4, decay="steps", milestones=[7, 11], factor=0.5)
    scales = [schedule.scale(step, 13) for step in (0, 1, 3, 4, 6, 7, 10, 11, 12)]
    assert scales == [0.25, 0.5, 1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25]


def test_cosine_falls_to_its_factor() -> None:
    schedule = Schedule(warmup_steps=2, decay="cosine", factor=0.1)
    assert schedule.scale(2, 12) == 1.0
    assert schedule.scale(7, 12) == pytest.approx(0.55)
    assert schedule.scale(12, 12) == pytest.approx(0.1)
    assert schedule.scale(99, 12) == pytest.approx(0.1)  # never rises again


def test_no_decay_needs_no_end() -> None:
    scheduler = Schedule(warmup_steps=2).build(optimiser(), math.inf)
    rates = []
    for _ in range(3):
        rates += scheduler.get_last_lr()
        scheduler.optimizer.step()
        scheduler.step()
    assert rates == [0.25, 0.5, 0.5]


def test_a_cosine_without_an_end_is_refused() -> None:
    with pytest.raises(UserError, match=r"set trainer\.max_steps or trainer\.max_epochs"):
        Schedule(decay="cosine").build(optimiser(), math.inf)
