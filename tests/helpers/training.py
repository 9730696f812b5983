"""Tiny trainings through the real command line, and callbacks that watch or disturb them."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from helpers.source import ROOT
from scalemogen.cli.main import main

EXPERIMENTS = ROOT / "experiments"
STAGES = ("tokenizer", "ar", "evaluator")
_TINY_TEXT = [
    *("--model.text.kind=small", "--model.text.width=16", "--model.text.layers=1", "--model.text.vocabulary=400"),
]
TINY = {
    "tokenizer": ["--model.width=8", "--model.blocks=1"],
    "ar": [
        *("--model.width=16", "--model.depth=1", "--model.heads=2"),
        *_TINY_TEXT,
    ],
    "evaluator": [
        *("--model.width=16", "--model.layers=1", "--model.text_layers=1", "--model.heads=2", "--model.embedding=8"),
        *_TINY_TEXT,
    ],
}
QUIET = ["--trainer.logger=false", "--trainer.enable_progress_bar=false", "--samples.every=0"]
CLIPS = 30
TRAINED = 26
"""Clips of the split "train" at least: one in twenty is for validation, and one for test."""


def recipe(stage: str, name: str = "synthetic") -> Path:
    return EXPERIMENTS / stage / f"{name}.yaml"


def options(stage: str, root: Path, batch: int = 13, name: str = "synthetic") -> list[str]:
    """Return the recipe, shrunk: a tiny network on 30 clips; two batches of 13 an epoch."""
    return [
        *("--config", str(recipe(stage, name)), "--trainer.accelerator=cpu", *TINY[stage]),
        *("--data=scalemogen.data_modules.Synthetic", f"--data.init_args.clips={CLIPS}"),
        *([f"--model.latents={root / 'latents'}"] if stage == "ar" else []),
        *(f"--data.init_args.root={root}", f"--data.init_args.loading.batch_size={batch}"),
        *(f"--data.init_args.loading.{key}" for key in ("min_frames=16", "workers=0", "balance=")),
        *("--trainer.check_val_every_n_epoch=1", "--trainer.val_check_interval=1.0"),
    ]


def fit(stage: str, folder: Path, root: Path, *more: str, batch: int = 13) -> Path:
    """Train without loggers and pictures in `folder`; returns it."""
    status = main([stage, "fit", *options(stage, root, batch), *QUIET, f"--run={folder}", *more])
    assert status == 0
    return folder


def read(path: Path) -> dict[str, Any]:
    """Return a checkpoint."""
    checkpoint: dict[str, Any] = torch.load(path, weights_only=True)
    return checkpoint


def assert_equal_states(mine: Mapping[str, Any], theirs: Mapping[str, Any], atol: float = 0.0) -> None:
    """Compare tensors by name."""
    assert mine.keys() == theirs.keys()
    for name, tensor in mine.items():
        torch.testing.assert_close({name: tensor}, {name: theirs[name]}, atol=atol, rtol=0)


class Losses(Callback):
    """Keeps the loss of every step, and writes them to `folder`/loss-RANK.pt if one is given."""

    def __init__(self, folder: str = "") -> None:
        self.folder = folder
        self.values: list[Tensor] = []

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *_: Any) -> None:
        self.values.append(outputs["loss"].detach().clone())
        if self.folder:
            torch.save(torch.stack(self.values), Path(self.folder) / f"loss-{trainer.global_rank}.pt")


class SignalAt(Callback):
    """Sends this process a signal after a step, or in the validation after it, as Ctrl-C or a scheduler does."""

    def __init__(self, step: int, number: int = 2, validating: bool = False) -> None:
        self.step = step
        self.number = number
        self.validating = validating

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        self._send(trainer, False)

    def on_validation_batch_start(self, trainer: Trainer, *_: Any) -> None:
        self._send(trainer, True)

    def _send(self, trainer: Trainer, validating: bool) -> None:
        if (trainer.global_step, validating) == (self.step, self.validating):
            os.kill(os.getpid(), self.number)


class SignalBefore(Callback):
    """Sends this process SIGTERM before anything is trained."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        os.kill(os.getpid(), signal.SIGTERM)


class SpoilLoss(Callback):
    """Makes the loss of some steps infinite without touching its gradients, on one process only."""

    def __init__(self, step: int, rank: int = 0, steps: int = 1) -> None:
        self.spoilt = range(step, step + steps)
        self.rank = rank

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        if trainer.global_step + 1 in self.spoilt and trainer.global_rank == self.rank:
            loss.data.fill_(torch.inf)
