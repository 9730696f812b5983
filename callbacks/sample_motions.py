"""Pictures of motions while training: reconstructions of stage 1, generated motions of stage 2."""

from __future__ import annotations

from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger

from scalemogen.contracts import MotionBatch, Reconstructs, Samples
from scalemogen.export import contact_sheet, write_gif
from scalemogen.motion import Motion
from scalemogen.tasks import Sharded


class SampleMotions(Callback):
    """Writes a contact sheet and an animation to `samples/` in the run's folder, and logs them to W&B.

    Stage 1 shows clips of the first validation batch above their reconstructions; stage 2 shows motions generated for
    the captions of that batch.

    Args:
        every: validations between two samples; 0 turns it off.
        count: motions in a sheet.
    """

    def __init__(self, every: int = 5, count: int = 4) -> None:
        self.every = every
        self.count = count
        self._validations = 0

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: MotionBatch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Draw from the first batch of every n-th validation."""
        together = isinstance(trainer.strategy, Sharded)  # parts of the weights are on every process
        if batch_idx or trainer.sanity_checking or self.every == 0 or not (trainer.is_global_zero or together):
            return
        self._validations += 1
        if (self._validations - 1) % self.every == 0:
            self.draw(trainer, pl_module, batch)

    def draw(self, trainer: Trainer, pl_module: LightningModule, batch: MotionBatch) -> None:
        """Write and log the pictures of one batch."""
        motions, titles = _motions(pl_module, batch, min(self.count, len(batch)))
        if not motions or not trainer.is_global_zero:
            return
        name = f"step-{trainer.global_step:07d}"
        folder = Path(trainer.default_root_dir) / "samples"
        sheet, animation = folder / f"{name}.png", folder / f"{name}.gif"
        contact_sheet(motions, titles, sheet)
        write_gif(motions[-1], animation)
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                step, captions = trainer.global_step, ["; ".join(titles)]
                logger.log_image("samples/sheet", [str(sheet)], step, caption=captions)
                logger.log_video("samples/animation", [str(animation)], step, caption=titles[-1:], format=["gif"])


@torch.no_grad()
def _motions(task: LightningModule, batch: MotionBatch, count: int) -> tuple[list[Motion], list[str]]:
    if isinstance(task, Samples):
        captions = batch.captions[:count]
        frames = int(batch.lengths[:count].float().mean())
        return task.sample(captions, frames), captions
    if not isinstance(task, Reconstructs):
        return [], []
    head = MotionBatch(batch.features[:count], batch.lengths[:count], batch.captions[:count], batch.clip_ids[:count])
    motions, titles = [], []
    rebuilt = task.reconstruct_features(head)
    for row, length in enumerate(head.lengths.tolist()):
        for label, features in (("original", head.features), ("reconstruction", rebuilt)):
            motions.append(task.to_motion(features[row, :length]))
            titles.append(f"{label}: {head.captions[row] or head.clip_ids[row]}")
    return motions, titles
