"""One, two and four processes with the same batch over all of them: every figure that is logged in twenty steps."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from helpers.curves import Curve, apart, curve, train

DOUBLE = "--trainer.precision=64-true"
CASES = {
    "double": ((DOUBLE,), 1e-5),
    "accumulated": ((DOUBLE, "--trainer.accumulate_grad_batches=2", "--trainer.gradient_clip_val=0.5"), 1e-5),
    "single": (("--trainer.precision=32-true",), 2e-2),
}
"""Options, and how far apart figures may be.

In float32 one residual next to zero changes the sign of its bit with the last digit of a weight: within twenty steps
figures that count bits moved by up to 6e-3, losses by 1e-4. In float64 all stay within 2e-7, the precision of the log.
"""
Train = Callable[..., Curve]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("curves")


@pytest.fixture(scope="module")
def run(place: Path) -> Train:
    """What trains a stage, once for every choice, and returns its curve; the ar stage stands on the first tokenizer."""

    @cache
    def trained(stage: str, world: int, *more: str) -> Curve:
        if stage == "ar":
            trained("tokenizer", 1, DOUBLE)
        named = [f"--model.tokenizer={place / 'tokenizer-0' / 'model'}"] if stage == "ar" else []
        return curve(train(stage, place, world, *named, *more))

    return trained


def check(stage: str, run: Train, world: int, case: str) -> None:
    """Compare with one process."""
    more, allowed = CASES[case]
    mine, theirs = run(stage, world, *more), run(stage, 1, *more)
    steps = {step for step, name in theirs if name == "train/loss"}
    assert len(steps) == 20
    assert {"val/loss", "train/gradient_norm"} <= {name for _, name in theirs}
    wrong = {name: value for name, value in apart(mine, theirs).items() if value > allowed}
    assert not wrong


@pytest.mark.parametrize("stage", ["tokenizer", "ar"])
def test_two_processes_log_what_one_does(stage: str, run: Train) -> None:
    check(stage, run, 2, "double")


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("world", [2, 4])
@pytest.mark.parametrize("stage", ["tokenizer", "ar", "evaluator"])
def test_any_number_of_processes(stage: str, world: int, case: str, run: Train) -> None:
    check(stage, run, world, case)
