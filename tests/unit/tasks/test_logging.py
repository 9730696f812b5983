"""What training logs: means over the batches of a step; and all of it, when a run goes on."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import wandb

from helpers.training import options
from helpers.wandb_log import Log
from scalemogen.cli.main import main

PLAIN = ["--trainer.enable_progress_bar=false", "--samples.every=0", "--trainer.log_every_n_steps=1"]


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_losses_of_accumulated_batches_are_averaged(tmp_path: Path) -> None:
    watch = ["--trainer.callbacks=helpers.training.Losses", f"--trainer.callbacks.init_args.folder={tmp_path}"]
    more = [*watch, "--trainer.accumulate_grad_batches=2", "--trainer.max_steps=2", f"--run={tmp_path / 'run'}"]
    more += ["--trainer.logger=lightning.pytorch.loggers.CSVLogger", f"--trainer.logger.save_dir={tmp_path}"]
    more += ["--trainer.logger.name=", "--trainer.logger.version="]
    assert main(["tokenizer", "fit", *options("tokenizer", tmp_path / "data", batch=6), *PLAIN, *more]) == 0
    # Lightning gives a step's loss over the number of its batches.
    losses = torch.load(tmp_path / "loss-0.pt", weights_only=True)
    logged = [float(row["train/loss"]) for row in rows(tmp_path) if row["train/loss"]]
    assert logged == pytest.approx([float(losses[:2].sum()), float(losses[2:].sum())], rel=1e-5)
    assert float(losses[0]) != pytest.approx(float(losses[1]), rel=1e-3)


@pytest.fixture
def _wandb_is_over() -> Iterator[None]:
    yield
    wandb.teardown()


@pytest.mark.usefixtures("_wandb_is_over")
def test_a_run_that_goes_on_keeps_its_figures_and_its_wandb_run(tmp_path: Path) -> None:
    """metrics.csv once lost its first part, and W&B was given a second run."""
    folder = tmp_path / "run"
    arguments = ["tokenizer", "fit", *options("tokenizer", tmp_path / "data"), *PLAIN, f"--run={folder}", "--resume"]
    watcher = ["--trainer.callbacks=helpers.training.SignalAt", "--trainer.callbacks.init_args.step=3"]
    assert main([*arguments, *watcher, "--trainer.max_steps=6"]) == 130
    wandb.teardown()
    assert Log(folder).status == 130
    first = rows(folder)
    assert main([*arguments, "--trainer.max_steps=6"]) == 0
    both = rows(folder)
    assert [row["train/loss"] for row in both[: len(first)]] == [row["train/loss"] for row in first]
    assert [row["step"] for row in both if row["train/loss"]] == list("012345")
    assert len([row for row in both if row["val/loss"]]) == 3
    (name,) = {path.name.rpartition("-")[2] for path in (folder / "wandb").glob("offline-run-*")}
    assert name == (folder / "wandb_id").read_text().strip()
    assert len(list((folder / "wandb").glob("offline-run-*"))) == 2  # two files of one run, which `wandb sync` joins
