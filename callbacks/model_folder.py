"""Turning the best checkpoint of a run into a self-contained model folder."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from scalemogen import __version__
from scalemogen.contracts import Saveable

logger = logging.getLogger(__name__)


class ModelFolder(Callback):
    """Writes `model/` in the run's folder when training ends, also when it is interrupted.

    The weights are those of the best checkpoint by its monitored validation figure (the running average, where there
    is one); without any checkpoint, the newest ones.
    """

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the folder."""
        self._write(trainer, pl_module)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Keep what an interrupted run has learned, if it has saved anything."""
        if isinstance(exception, KeyboardInterrupt) and self._best(trainer):
            self._write(trainer, pl_module)

    @staticmethod
    def _best(trainer: Trainer) -> str:
        callback = trainer.checkpoint_callback
        if not isinstance(callback, ModelCheckpoint):
            return ""
        return callback.best_model_path or callback.last_model_path

    def _write(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_global_zero or not isinstance(pl_module, Saveable) or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        best = self._best(trainer)
        state = pl_module.state_dict()
        provenance = {"version": __version__, "created": datetime.now(UTC).isoformat(timespec="seconds")}
        provenance |= {"steps": trainer.global_step, "epochs": trainer.current_epoch}
        if best:
            checkpoint = torch.load(best, map_location="cpu", weights_only=True)
            state = checkpoint["state_dict"]
            provenance |= {"steps": checkpoint["global_step"], "epochs": checkpoint["epoch"]}
        folder = Path(trainer.default_root_dir) / "model"
        pl_module.save_model(folder, state, provenance)
        logger.info("model folder: %s", folder)
