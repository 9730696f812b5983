"""The newest checkpoint of a run: kept by the clock, and written at once when the run is asked to stop."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import torch
import torch.distributed as dist
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.utilities import rank_zero_info

from scalemogen.distributed import world_size
from scalemogen.errors import RunStopped

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
"""Requests to stop; SLURM sends the user's signals before the time of a job is over (`--signal=USR1@120`)."""
REQUEUED = frozenset({signal.SIGUSR1, signal.SIGUSR2})
"""Those after which a SLURM job goes back into its queue."""


class NewestCheckpoint(Checkpoint):
    """Keeps `last.ckpt`, so that a killed run loses little, and stops a run in order when a signal asks for it.

    It is written every `every` steps, when `interval` has passed, when training ends, and on SIGTERM, SIGINT, SIGUSR1
    and SIGUSR2 at the end of the step (of a validation, if one is running). After a signal training ends with
    `RunStopped`. A second SIGINT stops at once. It is enough that one process gets the signal.

    Args:
        folder: for checkpoints.
        every: optimiser steps between two checkpoints; 0 goes by the clock alone.
        interval: time between two checkpoints.

    Attributes:
        path: of the checkpoint.
    """

    def __init__(self, folder: Path, every: int = 0, interval: timedelta = timedelta(minutes=5)) -> None:
        self.path = folder / "last.ckpt"
        self._every = every
        self._interval = interval.total_seconds()
        self._signal = 0
        self._step = -1
        self._clock = 0.0
        self._handlers: dict[int, Any] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock, and take signals from Lightning, which would leave with exit status 0."""
        self._clock, self._step = time.monotonic(), trainer.global_step
        if threading.current_thread() is threading.main_thread():
            self._handlers = {number: signal.getsignal(number) for number in SIGNALS}
            for number in SIGNALS:
                signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self._signal == signal.SIGINT:
            raise KeyboardInterrupt
        self._signal = number

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Write if it is time to, and stop if it was asked for; all processes do the same."""
        if trainer.global_step == self._step:  # between two steps: gradients are being added up, and in no checkpoint
            return
        self._step = trainer.global_step
        late = time.monotonic() - self._clock >= self._interval
        asked, late = _agree(trainer, self._signal, late)
        if asked or late or (self._every and self._step % self._every == 0):
            self.save(trainer)
        if asked:
            self._stop(trainer, asked)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop after a validation during which it was asked for."""
        if trainer.state.fn != "fit" or trainer.sanity_checking:
            return
        asked, _ = _agree(trainer, self._signal, False)
        if asked:
            self.save(trainer)
            self._stop(trainer, asked)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write where training ends; later, the running average has taken the place of the weights."""
        steps, epochs = trainer.max_steps, trainer.max_epochs or -1
        over = trainer.should_stop or 0 <= steps <= trainer.global_step or 0 <= epochs <= trainer.current_epoch + 1
        if over:
            self.save(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Give the signals back."""
        self._give_back()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Give the signals back."""
        self._give_back()

    def save(self, trainer: Trainer) -> None:
        """Write the checkpoint."""
        trainer.save_checkpoint(self.path)
        self._clock = time.monotonic()

    def _stop(self, trainer: Trainer, number: int) -> None:
        if trainer.training:  # else Lightning would not log this step, which the checkpoint has behind it
            trainer._logger_connector.update_train_step_metrics()
        trainer.strategy.barrier("stopped")
        raise RunStopped(number, self.path)

    def _give_back(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}


def _agree(trainer: Trainer, asked: int, late: bool) -> tuple[int, bool]:
    """Return the largest of the processes' signals, and whether it is late for any of them."""
    if world_size() == 1:
        return asked, late
    flags = torch.tensor([asked, int(late)], device=trainer.strategy.root_device)
    dist.all_reduce(flags, dist.ReduceOp.MAX)
    first, second = flags.tolist()
    return int(first), bool(second)


def requeue(run: Callable[..., Any] = subprocess.run) -> None:
    """Put this SLURM job back into its queue, where it is one and SLURM's command is there.

    SLURM ends all processes of the job at once, also the one that asks: this is the last thing to do.
    """
    job = os.environ.get("SLURM_JOB_ID")
    if job is None or shutil.which("scontrol") is None:
        return
    if "SLURM_ARRAY_JOB_ID" in os.environ:
        job = f"{os.environ['SLURM_ARRAY_JOB_ID']}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    status = run(["scontrol", "requeue", job]).returncode
    rank_zero_info(f"SLURM job {job} is back in the queue" if status == 0 else f"SLURM did not requeue job {job}")
