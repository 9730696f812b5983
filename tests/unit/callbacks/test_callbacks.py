"""The running average by hand; callbacks leave the losses alone."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from torch import Tensor

from helpers.training import QUIET, Losses, options
from scalemogen.callbacks import EMA, SampleMotions, Threads, Throughput
from scalemogen.cli.stages import make_cli, quiet_libraries
from scalemogen.errors import UserError


def test_the_average_by_hand() -> None:
    """Decay (1 + n) / (10 + n) of update n, at most the one asked for."""
    averaged, ema = torch.tensor([1.0, 2.0]), EMA(0.9)
    ema.load_state_dict({"latest_update_step": 2})
    ema._average([averaged], [torch.tensor([5.0, 6.0])], torch.tensor(2))
    torch.testing.assert_close(averaged, torch.tensor([4.0, 5.0]))  # 3/12 of the old value
    ema.load_state_dict({"latest_update_step": 10_000})
    ema._average([averaged], [torch.tensor([5.0, 6.0])], torch.tensor(10_000))
    torch.testing.assert_close(averaged, torch.tensor([4.1, 5.1]))


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_decays_that_make_no_average_are_refused(decay: float) -> None:
    with pytest.raises(UserError, match=f"EMA decay is {decay}"):
        EMA(decay)


def losses(folder: Path, callbacks: list[Callback]) -> Tensor:
    """Train the tokenizer for four steps, with a validation after the second."""
    watcher = Losses()
    with quiet_libraries():
        arguments = [*options("tokenizer", folder / "data"), "--model.dropout=0.2", *QUIET, f"--run={folder / 'run'}"]
        cli = make_cli("tokenizer", arguments, run=False)
        trainer = Trainer(
            accelerator="cpu",
            max_steps=4,
            callbacks=[*callbacks, watcher],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            default_root_dir=folder,
        )
        trainer.fit(cli.model, cli.datamodule)
    return torch.stack(watcher.values)


def test_callbacks_can_be_removed_without_changing_a_loss(tmp_path: Path) -> None:
    plain = losses(tmp_path, [])
    assert len(set(plain.tolist())) == 4
    watched = losses(tmp_path, [EMA(0.9), SampleMotions(every=1, count=1), Threads(), Throughput()])
    assert torch.equal(watched, plain)
    assert list((tmp_path / "samples").glob("*.gif"))


@pytest.mark.parametrize(
    "ends", [["--trainer.max_steps=3"], ["--trainer.max_steps=-1", "--trainer.max_epochs=1"]], ids=["steps", "epochs"]
)
@pytest.mark.parametrize("every", [("null", "100"), ("7", "1.0")], ids=["steps", "epochs"])
def test_the_last_step_is_validated_and_logged(ends: list[str], every: tuple[str, str], tmp_path: Path) -> None:
    intervals = [f"--trainer.check_val_every_n_epoch={every[0]}", f"--trainer.val_check_interval={every[1]}"]
    arguments = [*options("tokenizer", tmp_path / "data"), *QUIET, f"--run={tmp_path / 'run'}", *intervals, *ends]
    logger = ["--trainer.logger=lightning.pytorch.loggers.CSVLogger", f"--trainer.logger.save_dir={tmp_path}"]
    arguments += [*logger, "--trainer.logger.name=", "--trainer.logger.version=", "--trainer.log_every_n_steps=50"]
    with quiet_libraries():
        cli = make_cli("tokenizer", ["fit", *arguments])
    last = cli.trainer.global_step
    assert last > 0
    rows = list(csv.DictReader((tmp_path / "metrics.csv").read_text().splitlines()))
    (validated,) = [row["step"] for row in rows if row["val/loss"]]
    (trained,) = [row["step"] for row in rows if row["train/loss"]]
    assert validated == trained == str(last - 1)
    (best,) = (tmp_path / "run" / "checkpoints").glob("step-*.ckpt")
    assert f"{last}" in best.name
