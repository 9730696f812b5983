"""What needs two GPUs: `pytest -m slow tests/distributed/test_gpus.py`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from helpers.curves import apart, curve, train
from scalemogen.checkpoints import load_model

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs"),
]
GPU = ("--trainer.accelerator=gpu", "--trainer.gradient_clip_val=0.5")
STRATEGIES = ("ddp", "sharded")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a first tokenizer has been trained."""
    place = tmp_path_factory.mktemp("gpus")
    train("tokenizer", place, 1, *GPU, "--trainer.max_steps=1", "--trainer.val_check_interval=1")
    return place


def run(stage: str, place: Path, world: int, *more: str) -> Path:
    named = [f"--model.tokenizer={place / 'tokenizer-0' / 'model'}"] if stage == "ar" else []
    return train(stage, place, world, *GPU, *named, *more)


@pytest.mark.parametrize("stage", ["tokenizer", "ar"])
def test_two_gpus_log_what_one_does(stage: str, place: Path) -> None:
    double = "--trainer.precision=64-true"
    one = curve(run(stage, place, 1, double))
    for strategy in STRATEGIES:
        two = curve(run(stage, place, 2, double, f"--trainer.strategy={strategy}"))
        assert {name: value for name, value in apart(two, one).items() if value > 1e-5} == {}


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("stage", ["tokenizer", "ar"])
def test_compiled_and_recomputed_blocks_learn_in_bfloat16(stage: str, strategy: str, place: Path) -> None:
    options = ["--model.execution.compile=true", "--model.execution.activation_checkpointing=true"]
    trained = run(stage, place, 2, "--trainer.precision=bf16-mixed", f"--trainer.strategy={strategy}", *options)
    losses = [value for (_, name), value in sorted(curve(trained).items()) if name == "train/loss"]
    assert sum(losses[-5:]) < sum(losses[:5])
    load_model(trained / "model")
