"""The last step of a training is validated and logged, wherever the intervals of both fall."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer


class LastStep(Callback):
    """Validates and logs the step that training ends with, so that its end is never trained for nothing."""

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: Any, batch_idx: int
    ) -> None:
        """Ask Lightning to stop where it would have stopped anyway: it then validates and logs first."""
        steps, epochs = trainer.max_steps, trainer.max_epochs or -1
        last_epoch = 0 <= epochs <= trainer.current_epoch + 1
        if 0 <= steps <= trainer.global_step or (last_epoch and trainer.is_last_batch):
            trainer.check_val_every_n_epoch = None  # else only the epochs that it divides would be validated
            trainer.should_stop = True
