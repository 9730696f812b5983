"""Steps that are not finite: left out, counted, written down; many in a row end the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from helpers.training import QUIET, assert_equal_states, fit, options, read
from scalemogen.callbacks import SkipNonFinite
from scalemogen.cli.main import main
from scalemogen.contracts import MotionBatch
from scalemogen.errors import UserError

EVERY_STEP = ["--checkpoint.monitor=null", "--checkpoint.every_n_train_steps=1", "--checkpoint.save_top_k=-1"]


class SpoilClip(Callback):
    """Puts a NaN into the first clip of the second batch."""

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: MotionBatch, batch_idx: int
    ) -> None:
        if trainer.global_step == 1:
            batch.features[0, 3, 5] = torch.nan


class SpoilWeights(Callback):
    """Overflows a weight, as an update may."""

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        next(pl_module.parameters()).data.fill_(torch.inf)


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "nonfinite.jsonl").read_text().splitlines()]


def callback(name: str, **arguments: int) -> list[str]:
    words = [f"--trainer.callbacks.init_args.{key}={value}" for key, value in arguments.items()]
    return [f"--trainer.callbacks={name}", *words]


@pytest.mark.parametrize("optimizer", ["scalemogen.tasks.Muon", "torch.optim.AdamW"])
def test_a_step_that_is_not_finite_leaves_everything_as_it_was(optimizer: str, tmp_path: Path) -> None:
    spoiler = callback("helpers.training.SpoilLoss", step=3)
    more = [
        *EVERY_STEP,
        *spoiler,
        "--trainer.max_steps=4",
        f"--model.optimizer={optimizer}",
        "--model.optimizer.lr=1e-3",
    ]
    folder = fit("tokenizer", tmp_path / "run", tmp_path / "data", *more, batch=6)
    two, three, four = (read(folder / "checkpoints" / f"step-{step}.ckpt") for step in (2, 3, 4))
    for part in ("state_dict", "current_model_state"):
        assert_equal_states(three[part], two[part])
        assert any(not torch.equal(four[part][name], value) for name, value in three[part].items())
    for index, state in three["optimizer_states"][0]["state"].items():
        assert_equal_states(state, two["optimizer_states"][0]["state"][index])
    (line,) = lines(folder)
    assert (line["step"], line["losses"], len(set(line["clips"])), line["clips_not_finite"]) == (3, ["inf"], 6, [])
    assert four["callbacks"]["SkipNonFinite"] == {"skipped": 1, "in_a_row": 0}


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_clip_that_is_not_finite_is_named(precision: str, tmp_path: Path) -> None:
    more = [*callback(f"{__name__}.SpoilClip"), "--trainer.max_steps=3", f"--trainer.precision={precision}"]
    folder = fit("tokenizer", tmp_path / "run", tmp_path / "data", *more)
    (line,) = lines(folder)
    assert line["step"] == 2
    assert line["clips_not_finite"] == line["clips"][:1]
    assert all(value.isfinite().all() for value in read(folder / "checkpoints" / "last.ckpt")["state_dict"].values())


@pytest.mark.parametrize("stage", ["tokenizer", "ar"])
def test_a_learning_rate_that_is_far_too_high_ends_with_an_error(
    stage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Training once ended with status 0 and a model of NaN, which nothing could load."""
    folder, extra = tmp_path / "run", list[str]()
    if stage == "ar":
        tokenizer = fit("tokenizer", tmp_path / "tokenizer", tmp_path / "data", "--trainer.max_steps=1")
        extra = [f"--model.tokenizer={tokenizer / 'model'}"]
    more = ["--model.optimizer.lr=1e30", "--model.schedule.warmup_steps=0", "--finite.patience=3", *extra]
    arguments = [*options(stage, tmp_path / "data"), *QUIET, f"--run={folder}", *more, "--trainer.max_steps=30"]
    assert main([stage, "fit", *arguments]) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert "loss or gradients were not finite in 3 steps in a row" in message
    assert f"{folder / 'nonfinite.jsonl'} names the clips" in message
    assert len(lines(folder)) == 3
    assert not (folder / "model").exists()


def test_weights_that_are_not_finite_make_no_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The last step's update was infinite: no later loss could tell."""
    more = [*callback(f"{__name__}.SpoilWeights"), "--trainer.max_steps=1"]
    arguments = [*options("tokenizer", tmp_path / "data"), *QUIET, f"--run={tmp_path / 'run'}", *more]
    assert main(["tokenizer", "fit", *arguments]) == 2
    assert "no model was written: " in capsys.readouterr().err
    assert not (tmp_path / "run" / "model").exists()


def test_patience_is_positive() -> None:
    with pytest.raises(UserError, match=r"finite.patience is 0; it must be 1 or more"):
        SkipNonFinite(0)
