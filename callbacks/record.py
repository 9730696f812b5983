"""What a run was made of and what came of it: run.json in its folder, and the same in its W&B run."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import WandbLogger

from scalemogen.callbacks.finite import SkipNonFinite
from scalemogen.callbacks.lineage import Run, data_artifact, is_model_folder, model_artifact, record
from scalemogen.checkpoints import read_description
from scalemogen.data_modules import MotionDataModule
from scalemogen.errors import RunStopped, UserError
from scalemogen.evaluation import origin_of_data, origin_of_run
from scalemogen.files import atomic_path
from scalemogen.tasks.base import MotionTask

FILE = "run.json"


class RunRecord(Callback):
    """Writes `run.json`: code, machine, data and networks that a run stands on, its recipe, and at the end a summary.

    W&B gets the recipe and the origin as the run's configuration, the summary as its summary, and as artifacts the data
    and the networks that the run uses, and the model that it makes.

    Args:
        command: as typed.
        recipe: every option of the run, plain values.
    """

    def __init__(self, command: str, recipe: Mapping[str, Any]) -> None:
        self.command = command
        self.recipe = dict(recipe)
        self._content: dict[str, Any] = {}
        self._start = time.monotonic()

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write what the run stands on."""
        self._begin(trainer, pl_module)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write what the run stands on, where nothing is trained."""
        if trainer.state.fn != "fit":
            self._begin(trainer, pl_module)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write what the run stands on."""
        self._begin(trainer, pl_module)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the summary, and hand over the model."""
        self._end(trainer, "done")
        model = Path(trainer.default_root_dir) / "model"
        if self._content and is_model_folder(model):
            for run in _wandb_runs(trainer):
                record(run, model_artifact(model))

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Write the summary, without standing in the way of the error."""
        with suppress(UserError):
            self._end(trainer, str(exception) if isinstance(exception, RunStopped) else type(exception).__name__)

    def _begin(self, trainer: Trainer, module: LightningModule) -> None:
        source = trainer.datamodule  # type: ignore[attr-defined]
        if not (trainer.is_global_zero and isinstance(module, MotionTask) and isinstance(source, MotionDataModule)):
            return
        origin = origin_of_run(module.device)
        origin |= {"dirty": str(origin["commit"]).endswith("+"), "precision": str(trainer.precision)}
        origin |= {"command": self.command, "folder": str(Path(trainer.default_root_dir).absolute())}
        origin |= {"stage": module.stage, "parameters": sum(p.numel() for p in module.parameters() if p.requires_grad)}
        origin |= {"data": {**origin_of_data(source.store), "clips": len(source.store)}, "networks": module.inputs()}
        if module.spec is not None:
            origin["tokens"] = {"bits": module.spec.bits, "scales": module.spec.sizes, "count": module.spec.tokens}
        self._content = {"origin": origin, "recipe": self.recipe}
        self._write(trainer)
        for run in _wandb_runs(trainer):
            run.config.update({**self.recipe, "origin": origin}, allow_val_change=True)
            record(run, data_artifact(source.store), used=True)
            for network in origin["networks"].values():
                record(run, model_artifact(network["path"]), used=True)

    def _end(self, trainer: Trainer, ended: str) -> None:
        if not self._content:
            return
        seconds = round(time.monotonic() - self._start, 1)
        summary = {"ended": ended, "seconds": seconds, "steps": trainer.global_step, "epochs": trainer.current_epoch}
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, SkipNonFinite):
                summary["skipped"] = callback.skipped
            if isinstance(callback, ModelCheckpoint) and callback.best_model_score is not None:
                summary[f"best/{callback.monitor}"] = float(callback.best_model_score)
                summary["best/checkpoint"] = Path(callback.best_model_path).name
        model = Path(trainer.default_root_dir) / "model"
        if ended == "done" and is_model_folder(model):
            summary["model"] = read_description(model).get("digest")
        self._content["summary"] = summary
        self._write(trainer)
        for run in _wandb_runs(trainer):
            run.summary.update(summary)

    def _write(self, trainer: Trainer) -> None:
        with atomic_path(Path(trainer.default_root_dir) / FILE) as temporary:
            temporary.write_text(json.dumps(self._content, indent=1) + "\n")


def _wandb_runs(trainer: Trainer) -> list[Run]:
    return [logger.experiment for logger in trainer.loggers if isinstance(logger, WandbLogger)]
