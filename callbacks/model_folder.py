"""Turning the best checkpoint of a run into a self-contained model folder."""

from __future__ import annotations

import signal
from datetime import UTC, datetime
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from scalemogen import __version__
from scalemogen.callbacks.newest import NewestCheckpoint
from scalemogen.contracts import Saveable
from scalemogen.errors import RunStopped, UserError


class ModelFolder(Callback):
    """Writes `model/` in the run's folder when training ends, also when it is interrupted.

    The weights are those of the best checkpoint by its monitored validation figure (the running average, where there
    is one); where nothing was validated, of the newest checkpoint; where there is none, those of the moment. Weights
    that are not finite are never written. They are written in float32, whatever they were trained in.
    """

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the folder.

        Raises:
            UserError: weights are not finite.
        """
        self._write(trainer, pl_module)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Keep what an interrupted run has learned; one that is to make room, or to go on elsewhere, has no time."""
        if isinstance(exception, RunStopped) and exception.number == signal.SIGINT:
            self._write(trainer, pl_module)

    @staticmethod
    def _write(trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_global_zero or not isinstance(pl_module, Saveable) or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        chosen = _chosen(trainer)
        state = pl_module.state_dict()
        made = {"version": __version__, "created": datetime.now(UTC).isoformat(timespec="seconds")}
        trained = {"steps": trainer.global_step, "epochs": trainer.current_epoch}
        if chosen:
            checkpoint = torch.load(chosen, map_location="cpu", weights_only=True)
            state = checkpoint["state_dict"]
            trained = {"steps": checkpoint["global_step"], "epochs": checkpoint["epoch"]}
        state = {name: value.float() if value.is_floating_point() else value for name, value in state.items()}
        bad = [name for name, value in state.items() if not value.isfinite().all()]
        if bad:
            raise UserError(
                f"no model was written: {len(bad)} of {len(state)} weights of {chosen or 'the run'} are not finite,"
                f" {bad[0]} first; a lower learning rate may help"
            )
        pl_module.save_model(Path(trainer.default_root_dir) / "model", state, {**made, **trained})


def _chosen(trainer: Trainer) -> str:
    """Return the path of the checkpoint to use, "" if there is none."""
    savers = [callback for callback in trainer.checkpoint_callbacks if isinstance(callback, ModelCheckpoint)]
    paths = [saver.best_model_path for saver in sorted(savers, key=lambda saver: saver.monitor is None)]
    paths += [str(saver.path) for saver in trainer.checkpoint_callbacks if isinstance(saver, NewestCheckpoint)]
    return next((path for path in paths if path and Path(path).is_file()), "")
