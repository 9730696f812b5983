"""The number of CPU threads that a training computes with."""

from __future__ import annotations

import os
import time
from collections import deque

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_info

from scalemogen.machine import QUIET, THREAD_VARIABLES, Load, allowed_cores, threads_beside

EVERY = 1.0
"""Seconds between two looks at the load, at least."""


class Threads(Callback):
    """On the CPU, leaves the cores alone that other processes use, and takes them back when they are free again.

    Threads that wait for a core which another process holds make training several times slower than fewer threads do.
    How many threads add up a sum decides its last digits, so that two runs beside different loads differ in them; a
    number of threads, `OMP_NUM_THREADS` or `MKL_NUM_THREADS` in the environment, or `deterministic` in the trainer
    stops the adapting. Several processes of one run share the cores evenly, as Lightning lays down, and do not adapt.

    Args:
        threads: a fixed number; None for as many as there are cores free.
    """

    def __init__(self, threads: int | None = None) -> None:
        self.threads = threads
        self._before = Load.read()

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Choose the first number of threads."""
        self._usual = self._limit = torch.get_num_threads()
        self._adapts, self._said = False, False
        self._busy: deque[float] = deque(maxlen=QUIET)
        if trainer.strategy.root_device.type != "cpu":
            return
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        elif trainer.num_devices == 1 and not any(name in os.environ for name in THREAD_VARIABLES):
            self._limit = min(self._usual, allowed_cores())
            torch.set_num_threads(self._limit)
            self._adapts = self._limit > 1 and not torch.are_deterministic_algorithms_enabled()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Leave the process as it was."""
        torch.set_num_threads(self._usual)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:
        """Look at the load about once a second, and change the number of threads where it asks for it."""
        if not self._adapts or self._before is None or time.monotonic() - self._before.moment < EVERY:
            return
        now = Load.read()
        if now is None:
            return
        self._busy.append(now.others_since(self._before))
        self._before = now
        threads = torch.get_num_threads()
        wanted = threads_beside(self._limit, now.cores, threads, list(self._busy))
        if wanted != threads:
            torch.set_num_threads(wanted)
            if not self._said:
                rank_zero_info(
                    f"threads: {wanted} instead of {threads}, other processes use {self._busy[-1]:.1f} of "
                    f"{now.cores} cores; from here on as many as are free"
                )
            self._said = True
