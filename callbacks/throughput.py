"""Clips and motion frames per second while training."""

from __future__ import annotations

import time

from lightning.pytorch import Callback, LightningModule, Trainer

from scalemogen.contracts import MotionBatch


class Throughput(Callback):
    """Logs "train/clips_per_s" and "train/frames_per_s" of this process over the steps between two log entries."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock; a run resumed inside an epoch begins without the start of one."""
        self._reset()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restart the clock: validation does not count."""
        self._reset()

    def _reset(self) -> None:
        self._start, self._clips, self._frames = time.perf_counter(), 0, 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: MotionBatch, batch_idx: int
    ) -> None:
        """Count, and log at the trainer's logging interval."""
        self._clips += len(batch)
        self._frames += int(batch.lengths.sum())
        if trainer.global_step % trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            seconds = time.perf_counter() - self._start
            pl_module.log("train/clips_per_s", self._clips / seconds)
            pl_module.log("train/frames_per_s", self._frames / seconds)
            self._reset()
