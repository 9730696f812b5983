"""The best checkpoint of a run by its validation, also after the run was stopped or its folder moved."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint


class BestCheckpoint(ModelCheckpoint):
    """Lightning's ModelCheckpoint, which finds its files again where the run's folder stands now.

    When a run goes on, what its killed processes have left is removed: files that were being written, and checkpoints
    that a better one has taken the place of.
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the state, with the paths of those files that lie in this run's folder."""
        folder = Path(str(self.dirpath))

        def here(path: str) -> str:
            return str(folder / Path(path).name)

        best = state_dict["best_model_path"]
        if best and Path(here(best)).is_file():
            state_dict = {**state_dict, "dirpath": self.dirpath}
            for name in ("best_model_path", "kth_best_model_path", "last_model_path"):
                state_dict[name] = here(state_dict[name]) if state_dict[name] else ""
            state_dict["best_k_models"] = {here(path): score for path, score in state_dict["best_k_models"].items()}
        super().load_state_dict(state_dict)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Clear away what was left behind."""
        super().on_train_start(trainer, pl_module)
        if trainer.is_global_zero and self.dirpath is not None:
            self._clear(Path(self.dirpath))

    def _should_remove_checkpoint(self, trainer: Trainer, previous: str, current: str) -> bool:
        """Let a better checkpoint take the place of the one that the run has gone on from; Lightning keeps both."""
        return previous != current and Path(previous).absolute().parent == Path(str(self.dirpath)).absolute()

    def _clear(self, folder: Path) -> None:
        for path in folder.glob(".*.tmp.ckpt"):
            _remove(path)
        if self.monitor is None or self.save_top_k < 0 or not self.best_k_models:
            return
        kept = {Path(path).name for path in (*self.best_k_models, self.best_model_path)}
        for path in folder.glob("step-*.ckpt"):
            if path.name not in kept:
                _remove(path)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
