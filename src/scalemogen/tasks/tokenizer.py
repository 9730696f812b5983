"""Stage 1 as a LightningModule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor

from scalemogen.checkpoints import describe, save_folder
from scalemogen.contracts import MotionBatch, MotionSource, Scale, TokenSpec
from scalemogen.distributed import mean_over_ranks, world_size
from scalemogen.errors import UserError
from scalemogen.metrics import BitUsage
from scalemogen.metrics.functional import mpjpe_root_aligned, mpjpe_world
from scalemogen.motion import get_layout
from scalemogen.scales import scales_from_count
from scalemogen.tasks.base import MotionTask
from scalemogen.tasks.execution import Execution
from scalemogen.tasks.schedules import Schedule
from scalemogen.tokenizer import (
    LossWeights,
    MotionTokenizer,
    TokenizerOutput,
    joint_loss,
    path_losses,
    quantiser_loss,
    reconstruction_losses,
)
from scalemogen.weights import under


def adamw(parameters: Any) -> torch.optim.Optimizer:
    """Return the paper's optimiser for stage 1."""
    return torch.optim.AdamW(parameters, lr=2e-4, betas=(0.9, 0.99))


class TokenizerTask(MotionTask):
    """Trains a MotionTokenizer.

    Args:
        bits: D, bits per token, 4..64.
        scale_count: make this many scales from the skeleton's chain `chain`; ignored where `scales` is given.
        scales: explicit list of (time divisor, groups of parts), coarse to fine.
        chain: named chain of part partitions of the skeleton.
        max_frames: longest motion, a multiple of the frames in a latent cell.
        width, blocks, dropout: see MotionTokenizer.
        scale_dropout: probability to skip each scale but the last in training.
        weights: of the loss terms.
        optimizer, schedule, execution: see MotionTask.
    """

    stage = "tokenizer"

    def __init__(
        self,
        bits: int = 24,
        scale_count: int = 11,
        scales: list[tuple[int, list[list[int]]]] | None = None,
        chain: str = "inner-to-outer",
        max_frames: int = 196,
        width: int = 384,
        blocks: int = 2,
        dropout: float = 0.1,
        scale_dropout: float = 0.5,
        weights: LossWeights | None = None,
        optimizer: OptimizerCallable = adamw,
        schedule: Schedule | None = None,
        execution: Execution | None = None,
    ) -> None:
        super().__init__(optimizer, schedule or Schedule(), execution)
        self.bits = bits
        self.scale_count = scale_count
        self.scales = scales
        self.chain = chain
        self.max_frames = max_frames
        self.arguments: dict[str, Any] = {"width": width, "blocks": blocks, "dropout": dropout}
        self.scale_dropout = scale_dropout
        self.weights = weights or LossWeights()
        self.tokenizer: MotionTokenizer

    def make_spec(self) -> TokenSpec:
        """Return the token grid for the data's skeleton and layout.

        Raises:
            UserError: `max_frames` is not a multiple of a latent cell, or the scales do not fit.
        """
        facts = self.known_facts
        skeleton = facts.skeleton
        frames_per_cell = 2 ** len(skeleton.pools)
        if self.max_frames < 1 or self.max_frames % frames_per_cell:
            raise UserError(f"max_frames is {self.max_frames}; it must be a positive multiple of {frames_per_cell}")
        cells = self.max_frames // frames_per_cell
        if self.scales is None:
            scales = scales_from_count(self.scale_count, cells, skeleton.chain(self.chain))
        else:
            scales = tuple(Scale(d, tuple(tuple(group) for group in groups)) for d, groups in self.scales)
        return TokenSpec(
            bits=self.bits,
            scales=scales,
            cells=cells,
            parts=len(skeleton.parts),
            frames_per_cell=frames_per_cell,
            skeleton=skeleton.name,
            skeleton_digest=skeleton.digest,
            layout=facts.layout,
        )

    def build_network(self, source: MotionSource) -> None:
        """Make the tokenizer and its validation metrics."""
        self.spec = spec = self.make_spec()
        self.tokenizer = MotionTokenizer(spec, self.known_facts.skeleton, **self.arguments)
        self.bit_usage = BitUsage(scales=len(spec.scales), bits=spec.bits)

    def checkpoint_facts(self) -> dict[str, Any]:
        """Return the model's description."""
        return describe(facts=self.known_facts, spec=self.tokenizer.spec, tokenizer=self.arguments)

    def losses(self, batch: MotionBatch, output: TokenizerOutput, keep: list[bool] | None) -> dict[str, Tensor]:
        """Return every unweighted loss term and the weighted "loss"."""
        target, lengths, weights = batch.features, batch.lengths, self.weights
        prediction = output.reconstruction
        layout = get_layout(self.known_facts.layout)
        # Slices, as every group of channels is one range: a list of numbers would be copied to the device every time.
        groups = layout.groups(self.known_facts.skeleton)
        positions, velocities = (slice(groups[name][0], groups[name][-1] + 1) for name in ("positions", "velocities"))
        mine, truth = self.denormalise(prediction), self.denormalise(target)
        terms = reconstruction_losses(prediction, target, lengths, velocities)
        terms["joints"] = joint_loss(mine[..., positions], truth[..., positions], lengths)
        terms |= path_losses(layout.root_path(mine), layout.root_path(truth), lengths)
        terms["quantiser"] = quantiser_loss(output.quantised, weights, keep)
        loss = terms["features"]
        for name in ("root", "velocity", "joints", "path", "heading", "quantiser"):
            loss = loss + getattr(weights, name) * terms[name]
        return {"loss": loss, **terms}

    def training_step(self, batch: MotionBatch, batch_idx: int) -> Tensor:
        """One optimiser step, with scale dropout drawn equally on all processes."""
        generator = self.step_generator("scale dropout", batch_idx)
        keep = torch.rand(self.tokenizer.pyramid.scales, generator=generator) >= self.scale_dropout
        keep[-1] = True
        kept = keep.tolist()
        output = self.tokenizer(batch.features, batch.lengths, kept)
        losses = self.losses(batch, output, kept)
        self.note(losses)
        return losses["loss"]

    def validation_step(self, batch: MotionBatch, batch_idx: int) -> None:
        """Log losses, errors in millimetres, bit usage, and on the first batch the error after every scale."""
        self._evaluate(batch, "val", per_scale=batch_idx == 0)

    def test_step(self, batch: MotionBatch, batch_idx: int) -> None:
        """As validation, with the error after every scale over all batches."""
        self._evaluate(batch, "test", per_scale=True)

    def _evaluate(self, batch: MotionBatch, split: str, per_scale: bool) -> None:
        output = self.tokenizer(batch.features, batch.lengths)
        figures = {f"{split}/{name}": value for name, value in self.losses(batch, output, None).items()}
        truth = self.positions(batch.features)
        mine = self.positions(output.reconstruction)
        # Of all processes: then a mean over processes, weighted by it, is the mean over all frames of the split.
        frames = mean_over_ranks(batch.lengths.sum().float())
        all_frames = round(frames.item() * world_size())
        share = batch.lengths / frames
        figures[f"{split}/mpjpe_root_mm"] = 1000 * (share * mpjpe_root_aligned(mine, truth, batch.lengths)).sum()
        figures[f"{split}/mpjpe_world_mm"] = 1000 * (share * mpjpe_world(mine, truth, batch.lengths)).sum()
        if per_scale:
            for k, total in enumerate(output.quantised.sums):
                decoded = self.positions(self.tokenizer.decode(total, batch.lengths)[:, : truth.shape[1]])
                error = (share * mpjpe_root_aligned(decoded, truth, batch.lengths)).sum()
                figures[f"{split}_scales/mpjpe_root_mm_{k:02d}"] = 1000 * error
        self.log_dict(figures, on_step=False, on_epoch=True, batch_size=all_frames, sync_dist=True)
        self.bit_usage.update(output.quantised.maps)

    def on_validation_epoch_end(self) -> None:
        """Log bit usage of every scale."""
        self._log_usage("val")

    def on_test_epoch_end(self) -> None:
        """Log bit usage of every scale."""
        self._log_usage("test")

    def _log_usage(self, split: str) -> None:
        usage = self.bit_usage.compute()
        figures = {f"{split}/bits_used": usage.used.mean()}
        for k, (entropy, used) in enumerate(zip(usage.entropy, usage.used, strict=True)):
            figures[f"{split}_scales/bit_entropy_{k:02d}"] = entropy
            figures[f"{split}_scales/bits_used_{k:02d}"] = used
        self.log_dict({name: value.float() for name, value in figures.items()}, sync_dist=True)  # equal on all ranks
        self.bit_usage.reset()

    def save_model(self, folder: str | Path, state: dict[str, Tensor], provenance: dict[str, Any]) -> None:
        """Write the model folder.

        Args:
            folder: where to.
            state: this module's state, or that of its running average.
            provenance: how the model came about.
        """
        save_folder(
            folder,
            facts=self.known_facts,
            spec=self.tokenizer.spec,
            tokenizer_arguments=self.arguments,
            tokenizer_state=under("tokenizer.", state),
            provenance=provenance,
        )

    @torch.no_grad()
    def reconstruct_features(self, batch: MotionBatch) -> Tensor:
        """Return normalised features (B, T, F) after tokenising and decoding."""
        reconstruction: Tensor = self.tokenizer(batch.features, batch.lengths).reconstruction
        return reconstruction
