"""What all stages share: building the network from the data's facts, optimiser, schedule, checkpoint contents."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import OptimizerCallable
from lightning.pytorch.utilities import rank_zero_info
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn

from scalemogen.checkpoints import CHECKPOINT_KEY, require_stage
from scalemogen.contracts import DataFacts, MotionBatch, MotionSource, TokenSpec
from scalemogen.distributed import mean_over_ranks
from scalemogen.errors import UserError
from scalemogen.files import digest_json
from scalemogen.motion import Motion, Normaliser, get_layout
from scalemogen.tasks.execution import Execution
from scalemogen.tasks.schedules import Schedule
from scalemogen.tasks.sharded import Sharded, require_sharding

RATES = frozenset({"dropout", "drop_path"})
"""Arguments of networks that may change when training is resumed."""
IMPLIED: Mapping[str, dict[str, Any]] = MappingProxyType({"ar": {"places": True, "mlp_ratio": 4.0}})
"""Arguments that checkpoints of before they could be given do not name, with the values they stand for."""


class MotionTask(LightningModule, ABC):
    """Base of the stages.

    The network is built when the data is known: by `setup`, or earlier by a callback that needs the weights (EMA).

    Args:
        optimizer: makes the optimiser from `parameter_groups`.
        schedule: learning-rate schedule.
        execution: compilation and recomputation of blocks.

    Attributes:
        stage: "tokenizer", "ar" or "evaluator", as in commands, recipes and checkpoints.
        spec: the token grid, once the network is built; None where the stage has none.
    """

    stage: ClassVar[str]
    spec: TokenSpec | None = None

    def __init__(self, optimizer: OptimizerCallable, schedule: Schedule, execution: Execution | None = None) -> None:
        super().__init__()
        self.execution = execution or Execution()
        self.optimizer = optimizer
        self.schedule = schedule
        self.facts: DataFacts | None = None
        self._normaliser: Normaliser | None = None
        self._noted: list[dict[str, Tensor]] = []

    @abstractmethod
    def build_network(self, source: MotionSource) -> None:
        """Make the networks; called once, with the data's facts in `self.facts`."""

    @abstractmethod
    def checkpoint_facts(self) -> dict[str, Any]:
        """Return `checkpoints.describe`'s content and what else a checkpoint must carry beside weights.

        Plain Python values and tensors: loading unpickles nothing else.
        """

    def inputs(self) -> dict[str, dict[str, str]]:
        """Return the trained networks that this one stands on: "path" and "digest" (of the weights) of each."""
        return {}

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
            self.execution.apply(self)
        elif source.facts.skeleton.digest != self.facts.skeleton.digest or source.facts.layout != self.facts.layout:
            raise UserError(
                f"data {source.facts.name} has skeleton {source.facts.skeleton.name} and layout {source.facts.layout}; "
                f"the model was built for {self.facts.skeleton.name} and {self.facts.layout}"
            )

    def setup(self, stage: str) -> None:
        """Build from the trainer's data module."""
        self.build(self.trainer.datamodule)  # type: ignore[attr-defined]

    def configure_model(self) -> None:
        """Spread the weights over the processes, where the strategy is `Sharded`."""
        if isinstance(self.trainer.strategy, Sharded):
            self.trainer.strategy.shard(self)

    @property
    def known_facts(self) -> DataFacts:
        """The data's facts; only after `build`."""
        if self.facts is None:
            raise RuntimeError("the network is not built yet")
        return self.facts

    def denormalise(self, features: Tensor) -> Tensor:
        """Map normalised features (B, T, F) to their units."""
        if self._normaliser is None or self._normaliser.mean.device != features.device:
            facts = self.known_facts
            self._normaliser = Normaliser(facts.mean.to(features.device), facts.std.to(features.device))
        return self._normaliser.denormalise(features)

    def positions(self, features: Tensor) -> Tensor:
        """Map normalised features (B, T, F) to joint positions (B, T, J, 3) in metres."""
        facts = self.known_facts
        return get_layout(facts.layout).positions(self.denormalise(features))

    def to_motion(self, features: Tensor) -> Motion:
        """Make a motion of the normalised features (T, F) of one clip."""
        facts = self.known_facts
        return get_layout(facts.layout).to_motion(self.denormalise(features).cpu(), facts.skeleton, facts.fps)

    def step_generator(
        self, purpose: str, batch_idx: int, rank: int = 0, device: torch.device | str = "cpu"
    ) -> torch.Generator:
        """Return a generator fixed by the run's seed, the epoch and the batch alone, so a resumed run draws the same.

        Args:
            purpose: what is drawn; each purpose has its own stream.
            batch_idx: batch of the epoch.
            rank: this process, where processes are to draw differently.
            device: where to draw.
        """
        run = os.environ.get("PL_GLOBAL_SEED", "0")
        seed = int(digest_json([run, self.current_epoch, batch_idx, purpose, rank]), 16) % 2**32
        return torch.Generator(device).manual_seed(seed)

    def on_train_batch_start(self, batch: MotionBatch, batch_idx: int) -> None:
        """Set the global stream, which only dropout uses: neither a resume nor a callback changes what it draws."""
        state = self.step_generator("dropout", batch_idx, self.global_rank).get_state()
        torch.set_rng_state(state)
        if self.device.type == "cuda":
            generator = self.step_generator("dropout", batch_idx, self.global_rank, self.device)
            torch.cuda.set_rng_state(generator.get_state(), self.device)

    def note(self, figures: dict[str, Tensor], scales: dict[str, Tensor] | None = None) -> None:
        """Have the figures of a batch logged as "train/NAME", and its loss in the progress bar.

        What is logged is the mean over the batches of a step and over all processes. Processes talk, and the device is
        waited for, only in steps that the trainer logs.

        Args:
            figures: scalars, "loss" among them; the same names in every batch.
            scales: (K,) each, without gradients: logged as "train_scales/NAME_00", "train_scales/NAME_01", ...
        """
        self._noted.append({f"train/{name}": value.detach() for name, value in figures.items()})
        self._noted[-1] |= {f"train_scales/{name}": values for name, values in (scales or {}).items()}
        self.log("loss", self._noted[-1]["train/loss"], prog_bar=True, logger=False)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Log what was noted since the last step, at the trainer's logging interval and where training ends."""
        noted, self._noted = self._noted, []
        step, trainer = self.trainer.global_step + 1, self.trainer
        if step % trainer.log_every_n_steps == 0 or step == trainer.estimated_stepping_batches:  # type: ignore[attr-defined]
            rows = torch.stack([torch.cat([value.float().reshape(-1) for value in batch.values()]) for batch in noted])
            means = mean_over_ranks(rows.mean(0)).unbind()
            names = [
                name if value.ndim == 0 else f"{name}_{k:02d}"
                for name, value in noted[0].items()
                for k in range(value.numel())
            ]
            self.log_dict(dict(zip(names, means, strict=True)))

    def on_fit_start(self) -> None:
        """Say how large the model is."""
        count = sum(parameter.numel() for parameter in self.parameters() if parameter.requires_grad)
        rank_zero_info(f"{self.stage}: {count:,} trainable parameters")

    def on_train_start(self) -> None:
        """Begin a new epoch where the checkpoint's was over, with a `max_steps` as without one.

        Lightning 2.6 takes every epoch for an open one when there is a limit of steps, and would count this one twice.
        """
        loop = self.trainer.fit_loop
        if loop.restarted_on_epoch_end:
            loop.epoch_progress.increment_completed()
        if loop.epoch_progress.current.ready == loop.epoch_progress.current.completed:
            if loop.epoch_loop.restarted_on_train_batch_end:
                loop.epoch_loop.batch_progress.increment_completed()
            for part in (loop, loop.epoch_loop):
                part.reset_restart_stage()
            loop.epoch_loop.restarting = False

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Make the optimiser over `parameter_groups`, and the schedule, stepped per optimiser step."""
        optimiser = self.optimizer(parameter_groups(self))
        if isinstance(self.trainer.strategy, Sharded):
            require_sharding(optimiser)
        scheduler = self.schedule.build(optimiser, self.trainer.estimated_stepping_batches)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add facts, specification and arguments to the checkpoint."""
        checkpoint[CHECKPOINT_KEY] = self.checkpoint_facts()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse a checkpoint of another stage, of other data or of another network.

        Raises:
            UserError: naming the first thing that differs, and both values.
        """
        require_stage(checkpoint, self.stage, "the checkpoint")
        held, mine = checkpoint[CHECKPOINT_KEY], self.checkpoint_facts()
        facts = DataFacts.from_dict(held["facts"])
        if difference := facts.difference(self.known_facts):
            raise UserError(
                f"the checkpoint was trained on data {facts.name}, not on {self.known_facts.name}: {difference} differ"
            )
        if "spec" in mine:
            spec = TokenSpec.from_dict(held["spec"])
            spec.require_equal(TokenSpec.from_dict(mine["spec"]), "the checkpoint", "this configuration")
        for part in ("tokenizer", "ar", "evaluator", "text"):
            theirs, ours = held.get(part) or {}, mine.get(part) or {}
            theirs = (IMPLIED.get(part, {}) if theirs else {}) | theirs
            for name in sorted((theirs.keys() | ours.keys()) - RATES):
                if theirs.get(name) != ours.get(name):
                    raise UserError(
                        f"the checkpoint and this configuration do not fit: {part}.{name} is {theirs.get(name)} "
                        f"in one and {ours.get(name)} in the other"
                    )

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies need: averaging copies the task, and its optimiser's maker knows the whole program."""
        state: dict[str, Any] = super().__getstate__()
        return {**state, "optimizer": None}


def parameter_groups(module: nn.Module) -> list[dict[str, Any]]:
    """Return the trainable parameters as two groups: matrices, and what is neither to decay nor to be orthogonalised.

    Matrices are the weights of linear maps, also stacks of them, one for each joint or tap. Everything else, namely
    biases, gains, gates, embeddings and learned tokens, has no weight decay. The key "matrices" tells `Muon` which is
    which; other optimisers do not look at it.
    """
    groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
    for name, parameter in module.named_parameters():
        owner, _, last = name.rpartition(".")
        embedding = isinstance(module.get_submodule(owner), nn.Embedding)
        if parameter.requires_grad:
            groups[last == "weight" and parameter.ndim >= 2 and not embedding].append(parameter)
    kinds: list[dict[str, Any]] = [{"matrices": True}, {"matrices": False, "weight_decay": 0.0}]
    return [{"params": groups[bool(kind["matrices"])], **kind} for kind in kinds if groups[bool(kind["matrices"])]]
