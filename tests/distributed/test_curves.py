"""One, two and four processes with the same batch over all of them: every figure that is logged in twenty steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.curves import Curve, apart, curve, train

DISCRETE = "val_scales/bit"
"""Figures that count bits: a residual next to zero changes its sign with the last digit of a weight."""
CASES = {
    "plain": (),
    "accumulated": ("--trainer.accumulate_grad_batches=2", "--trainer.gradient_clip_val=0.5"),
    "double": ("--trainer.precision=64-true",),
}
Train = Callable[..., Curve]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("curves")


@pytest.fixture(scope="module")
def run(place: Path) -> Train:
    """What trains a stage and returns its curve; the ar stage stands on the first tokenizer that was trained."""
    tokenizer = train("tokenizer", place, 1, "--trainer.max_steps=1", "--trainer.val_check_interval=1")

    def trained(stage: str, world: int, *more: str) -> Curve:
        named = [f"--model.tokenizer={tokenizer / 'model'}"] if stage == "ar" else []
        return curve(train(stage, place, world, *named, *more))

    return trained


def check(stage: str, run: Train, world: int, more: tuple[str, ...], allowed: float) -> None:
    """Compare with one process."""
    mine, theirs = run(stage, world, *more), run(stage, 1, *more)
    steps = {step for step, name in theirs if name == "train/loss"}
    assert len(steps) == 20
    assert {"val/loss", "train/gradient_norm"} <= {name for _, name in theirs}
    wrong = {name: value for name, value in apart(mine, theirs).items() if value > allowed and DISCRETE not in name}
    assert not wrong


@pytest.mark.parametrize("stage", ["tokenizer", "ar"])
def test_two_processes_log_what_one_does(stage: str, run: Train) -> None:
    check(stage, run, 2, CASES["double"], 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("world", [2, 4])
@pytest.mark.parametrize("stage", ["tokenizer", "ar", "evaluator"])
def test_any_number_of_processes(stage: str, world: int, case: str, run: Train) -> None:
    check(stage, run, world, CASES[case], 1e-5)
