"""What both stages share: building the network from the data's facts, optimiser, schedule, checkpoint contents."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import OptimizerCallable
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor

from scalemogen.contracts import DataFacts, MotionSource
from scalemogen.errors import UserError
from scalemogen.motion import Motion, Normaliser, get_layout
from scalemogen.tasks.schedules import Schedule

CHECKPOINT_KEY = "scalemogen"


class MotionTask(LightningModule, ABC):
    """Base of the stages.

    The network is built when the data is known: by `setup`, or earlier by a callback that needs the weights (EMA).

    Args:
        optimizer: makes the optimiser from the trainable parameters.
        schedule: learning-rate schedule.
    """

    def __init__(self, optimizer: OptimizerCallable, schedule: Schedule) -> None:
        super().__init__()
        self.optimizer = optimizer
        self.schedule = schedule
        self.facts: DataFacts | None = None

    @abstractmethod
    def build_network(self, source: MotionSource) -> None:
        """Make the networks; called once, with the data's facts in `self.facts`."""

    @abstractmethod
    def checkpoint_facts(self) -> dict[str, Any]:
        """Return what a checkpoint must carry beside weights, as plain Python values and tensors."""

    @abstractmethod
    def save_model(self, folder: str | Path, state: dict[str, Tensor], provenance: dict[str, Any]) -> None:
        """Write a self-contained model folder with the weights of `state`."""

    def build(self, source: MotionSource) -> None:
        """Build the networks once; a second call only checks that the data is the same.

        Raises:
            UserError: the data module is not one of ours, or describes other data than the networks were built for.
        """
        if not isinstance(source, MotionSource):
            raise UserError(f"data is {type(source).__name__}; a motion data module of this suite is needed")
        if self.facts is None:
            self.facts = source.facts
            self.build_network(source)
        elif source.facts.skeleton.digest != self.facts.skeleton.digest or source.facts.layout != self.facts.layout:
            raise UserError(
                f"data {source.facts.name} has skeleton {source.facts.skeleton.name} and layout {source.facts.layout}; "
                f"the model was built for {self.facts.skeleton.name} and {self.facts.layout}"
            )

    def setup(self, stage: str) -> None:
        """Build from the trainer's data module."""
        self.build(self.trainer.datamodule)  # type: ignore[attr-defined]

    @property
    def known_facts(self) -> DataFacts:
        """The data's facts; only after `build`."""
        if self.facts is None:
            raise RuntimeError("the network is not built yet")
        return self.facts

    def denormalise(self, features: Tensor) -> Tensor:
        """Map normalised features (B, T, F) to their units."""
        facts = self.known_facts
        return Normaliser(facts.mean.to(features.device), facts.std.to(features.device)).denormalise(features)

    def positions(self, features: Tensor) -> Tensor:
        """Map normalised features (B, T, F) to joint positions (B, T, J, 3) in metres."""
        facts = self.known_facts
        return get_layout(facts.layout).positions(self.denormalise(features))

    def to_motion(self, features: Tensor) -> Motion:
        """Make a motion of the normalised features (T, F) of one clip."""
        facts = self.known_facts
        return get_layout(facts.layout).to_motion(self.denormalise(features).cpu(), facts.skeleton, facts.fps)

    def step_generator(self, salt: int = 0) -> torch.Generator:
        """Return a generator for this optimiser step, equal on all processes and after a resume."""
        seed = hash((torch.initial_seed() & 0xFFFFFFFF, self.global_step, salt)) & 0x7FFFFFFFFFFFFFFF
        return torch.Generator().manual_seed(seed)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Make the optimiser over trainable parameters only, and the schedule, stepped per optimiser step."""
        optimiser = self.optimizer([p for p in self.parameters() if p.requires_grad])
        scheduler = self.schedule.build(optimiser, self.trainer.estimated_stepping_batches)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add facts and specification to the checkpoint."""
        checkpoint[CHECKPOINT_KEY] = {
            "stage": type(self).__name__,
            "facts": self.known_facts.to_dict(),
            **self.checkpoint_facts(),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse a checkpoint of another kind.

        Raises:
            UserError: naming what the file holds.
        """
        found = checkpoint.get(CHECKPOINT_KEY, {}).get("stage", "no model of this suite")
        if found != type(self).__name__:
            raise UserError(f"the checkpoint holds {found}; {type(self).__name__} was asked for")
