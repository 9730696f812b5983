"""Running average of the weights: validated, saved, and what the model folder holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from lightning.pytorch.plugins.precision import DoublePrecision
from lightning.pytorch.utilities.types import STEP_OUTPUT
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from scalemogen.callbacks.finite import SkipNonFinite
from scalemogen.contracts import Buildable, MotionBatch
from scalemogen.errors import UserError
from scalemogen.tasks import Sharded


class EMA(WeightAveraging):
    """Exponential moving average of the parameters; buffers are copied.

    The decay of update n is min(decay, (1 + n) / (10 + n)), so that short runs are not dominated by their start. The
    reference saves such an average for its tokenizer but never updates it.

    Args:
        decay: 0..1; 0 keeps the newest weights.

    Raises:
        UserError: a decay outside 0..1.
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not 0.0 <= decay < 1.0:
            raise UserError(f"EMA decay is {decay}; it must lie in 0..1, 1 excluded")
        self.decay = decay
        super().__init__(use_buffers=False, multi_avg_fn=self._average)

    def _average(self, averaged: Sequence[Tensor], current: Sequence[Tensor], count: Tensor | int) -> None:
        step = self._latest_update_step  # `count` is on the device: reading it would wait for the device
        decay = min(self.decay, (1 + step) / (10 + step))
        update = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        wide = [weight.to(mean.dtype) for mean, weight in zip(averaged, current, strict=True)]
        update(list(averaged), wide, count)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Have the network built first: the average copies it."""
        if stage != "fit":
            return
        if isinstance(pl_module, Buildable):
            pl_module.build(trainer.datamodule)  # type: ignore[attr-defined]
        sharded = isinstance(trainer.strategy, Sharded)
        device = None if sharded else trainer.strategy.root_device  # the model itself comes there only later
        # Lightning would have the model sharded here, and then fail to copy it.
        self._average_model = AveragedModel(pl_module, device, multi_avg_fn=self._average, use_buffers=False)
        if isinstance(trainer.strategy, Sharded):
            trainer.strategy.shard(self._average_model.module)
        if isinstance(trainer.precision_plugin, DoublePrecision):
            self._average_model.double()  # as the trainer will do with the model; of bfloat16 a float32 average is kept

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: STEP_OUTPUT, batch: MotionBatch, batch_idx: int
    ) -> None:
        """Update the average, but not after a step that was left out."""
        guards = [callback for callback in trainer.callbacks if isinstance(callback, SkipNonFinite)]  # type: ignore[attr-defined]
        if not any(guard.left_out for guard in guards):
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Put the average into the checkpoint, whole."""
        super().on_save_checkpoint(trainer, pl_module, checkpoint)
        if isinstance(trainer.strategy, Sharded):
            checkpoint["state_dict"] = trainer.strategy.gathered(checkpoint["state_dict"])

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Load weights and average, of which a sharded training keeps parts."""
        if isinstance(trainer.strategy, Sharded):
            mine, checkpoint = pl_module.state_dict(), dict(checkpoint)
            for name in checkpoint.keys() & {"state_dict", "current_model_state"}:
                checkpoint[name] = trainer.strategy.spread(checkpoint[name], mine)
        super().on_load_checkpoint(trainer, pl_module, checkpoint)

    def should_update(self, step_idx: int | None = None, epoch_idx: int | None = None) -> bool:
        """Update after every optimiser step."""
        return step_idx is not None
