"""Steps whose loss or gradients are not finite are left out, counted and written down; many in a row end the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer

from scalemogen.contracts import MotionBatch
from scalemogen.distributed import gather_objects, world_size
from scalemogen.errors import UserError

FILE = "nonfinite.jsonl"


class SkipNonFinite(Callback):
    """Leaves out optimiser steps whose loss or gradients hold NaN or infinite values, on all processes alike.

    Weights, their running average, the optimiser's moments and weight decay stay as they are; the learning rate's
    schedule goes on. Each such step is a line of `nonfinite.jsonl` in the run's folder: the step, the clips of its
    batches, and those of them whose features are not finite themselves. Logged: "train/skipped", the steps left out so
    far, and "train/gradient_norm", the norm of all gradients before clipping.

    Args:
        patience: steps in a row that are left out before training ends with an error.

    Raises:
        UserError: a patience below 1.
    """

    def __init__(self, patience: int = 20) -> None:
        if patience < 1:
            raise UserError(f"finite.patience is {patience}; it must be 1 or more")
        self.patience = patience
        self.skipped = 0
        self.left_out = False
        self._in_a_row = 0
        self._batches: list[MotionBatch] = []
        self._losses: list[Tensor] = []
        self._norm = torch.tensor(0.0)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: MotionBatch, batch_idx: int
    ) -> None:
        """Remember the batch; several make a step where gradients are added up."""
        self._batches.append(batch)

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        """Remember the loss."""
        self._losses.append(loss.detach())

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        """Drop gradients that are not finite; an optimiser leaves parameters without a gradient alone.

        Raises:
            UserError: too many steps in a row have been left out.
        """
        gradients = [
            parameter.grad
            for group in optimizer.param_groups
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        norm = torch.nn.utils.get_total_norm(gradients)
        self._norm = norm.full_tensor() if isinstance(norm, DTensor) else norm
        bad = ~torch.isfinite(torch.stack([*self._losses, self._norm.to(self._losses[0])])).all()
        if world_size() > 1:
            bad = bad.int()
            dist.all_reduce(bad, dist.ReduceOp.MAX)
        self.left_out = bool(bad)
        if self.left_out:
            optimizer.zero_grad(set_to_none=True)
            self._note(trainer)
        self._in_a_row = self._in_a_row + 1 if self.left_out else 0
        self._batches, self._losses = [], []
        if self._in_a_row == self.patience:
            raise UserError(
                f"loss or gradients were not finite in {self.patience} steps in a row, up to step"
                f" {trainer.global_step + 1}: a lower learning rate may help; {self._file(trainer)} names the clips"
            )

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: MotionBatch, batch_idx: int
    ) -> None:
        """Log at the trainer's logging interval."""
        if trainer.global_step % trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            pl_module.log("train/skipped", float(self.skipped))
            pl_module.log("train/gradient_norm", self._norm)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say what was left out."""
        if self.skipped:
            rank_zero_info(f"{self.skipped} steps left out, not finite: see {self._file(trainer)}")

    def state_dict(self) -> dict[str, Any]:
        """Return the counts."""
        return {"skipped": self.skipped, "in_a_row": self._in_a_row}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting."""
        self.skipped, self._in_a_row = state_dict["skipped"], state_dict["in_a_row"]

    def _note(self, trainer: Trainer) -> None:
        self.skipped += 1
        bad = [clip for batch in self._batches for clip in _bad_clips(batch)]
        seen = [clip for batch in self._batches for clip in batch.clip_ids]
        shares = gather_objects((seen, bad, [float(loss) for loss in self._losses]))
        if not trainer.is_global_zero:
            return
        line = {
            "step": trainer.global_step + 1,
            "losses": [str(loss) for _, _, losses in shares for loss in losses],
            "clips": [clip for clips, _, _ in shares for clip in clips],
            "clips_not_finite": [clip for _, clips, _ in shares for clip in clips],
        }
        with self._file(trainer).open("a") as file:
            file.write(f"{json.dumps(line)}\n")

    @staticmethod
    def _file(trainer: Trainer) -> Path:
        return Path(trainer.default_root_dir) / FILE


def _bad_clips(batch: MotionBatch) -> list[str]:
    finite = batch.features.isfinite().flatten(1).all(1).tolist()
    return [clip for clip, good in zip(batch.clip_ids, finite, strict=True) if not good]
