"""What all data modules share: a store, and the loaders that read it."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from lightning.pytorch.utilities import rank_zero_info
from torch.utils.data import DataLoader

from scalemogen.contracts import DataFacts, MotionBatch
from scalemogen.data_modules.dataset import Items, MotionDataset, balanced, nothing, random_crops, windows
from scalemogen.data_modules.loader import TrainingLoader, loader_options
from scalemogen.data_modules.sampler import BucketSampler, Draws, OrderedSampler
from scalemogen.data_modules.speed import SpeedChange
from scalemogen.data_modules.store import MotionStore
from scalemogen.data_modules.writer import TRAIN
from scalemogen.distributed import rank, world_size
from scalemogen.errors import UserError


@dataclass(frozen=True)
class Loading:
    """How clips become batches, the same for all data modules.

    Attributes:
        batch_size: clips in a batch, on each device.
        max_frames: longer clips are cut: at random in training, into consecutive windows elsewhere (named "ID#w2").
        min_frames: shorter clips and windows are left out, and counted in the log.
        balance: attribute, each value of which training batches show equally often, however rare; "" shows each clip
            once an epoch.
        speed: training plays each clip at another speed in every epoch, 1 / (1 + speed) to 1 + speed times its own:
            0.25 for 0.8 to 1.25; 0 leaves speeds alone. See `SpeedChange`.
        workers: processes that load batches, and that build a store; 0 does it in this one.

    Raises:
        UserError: a number is out of range.
    """

    batch_size: int = 32
    max_frames: int = 196
    min_frames: int = 16
    balance: str = ""
    speed: float = 0.0
    workers: int = 0

    def __post_init__(self) -> None:
        if not (self.batch_size >= 1 and 1 <= self.min_frames <= self.max_frames and self.workers >= 0):
            raise UserError(
                f"batch_size {self.batch_size}, min_frames {self.min_frames}, max_frames {self.max_frames}, workers"
                f" {self.workers}: needed batch_size >= 1, 1 <= min_frames <= max_frames, workers >= 0"
            )
        if not 0 <= self.speed <= 1:
            raise UserError(f"speed {self.speed}: clips can be played up to twice as fast or slow, 0 <= speed <= 1")


DEFAULT_LOADING = Loading()


class MotionDataModule(LightningDataModule, ABC):
    """Abstract data module over a motion store.

    The order of training batches follows `seed_everything`, as Lightning's own samplers do.

    Args:
        loading: how clips become batches.
    """

    def __init__(self, loading: Loading = DEFAULT_LOADING) -> None:
        super().__init__()
        self.loading = loading

    @property
    @abstractmethod
    def path(self) -> Path:
        """Folder of the store."""

    @abstractmethod
    def prepare_data(self) -> None:
        """See to it that the store is there; called by one process of each machine, and harmless when repeated."""

    @cached_property
    def store(self) -> MotionStore:
        """The store, prepared on first use and opened."""
        self.prepare_data()
        store = MotionStore.open(self.path)
        if store.quarantine:
            rank_zero_info(
                f"{store.path}: {len(store.quarantine)} entries were quarantined while building, see quarantine.jsonl"
            )
        return store

    @property
    def facts(self) -> DataFacts:
        """Skeleton, layout, frame rate, statistics and licence."""
        return self.store.facts

    def captions(self, split: str) -> list[str]:
        """Return all captions of a split, clip by clip; none if the store has no such split."""
        if split not in self.store.split_names:
            return []
        return [caption for clip in self.store.indices(split) for caption in self.store.captions(int(clip))]

    @property
    def cutting(self) -> dict[str, int]:
        """The limits that clips are cut and left out by."""
        return {"min_frames": self.loading.min_frames, "max_frames": self.loading.max_frames}

    def steady(self, split: str) -> DataLoader[MotionBatch]:
        """Return the clips of a split that every epoch shows alike, each once, in batches of similar lengths.

        What is computed of these need be computed only once. In training, clips that are cut at random are not among
        them, and none is where speeds change.
        """
        loading = self.loading
        if split not in self.store.split_names:
            return DataLoader(MotionDataset(self.store, nothing()), sampler=[], batch_size=None)
        if split != TRAIN:
            items = windows(self.store, split, loading.min_frames, loading.max_frames)
        elif loading.speed:
            items = nothing()
        else:
            items = random_crops(self.store, TRAIN, loading.min_frames, loading.max_frames)
            items = items.kept(items.lengths <= loading.max_frames)
        order = np.argsort(items.frames, kind="stable")
        groups = np.array_split(order, -(-len(items) // loading.batch_size)) if len(items) else []
        draws = [Draws(group, *[np.zeros(len(group))] * 3) for group in groups]
        return DataLoader(MotionDataset(self.store, items), sampler=draws, batch_size=None)

    def setup(self, stage: str) -> None:
        """Open the store."""
        _ = self.store

    def train_dataloader(self) -> DataLoader[MotionBatch]:
        """Return batches of the split "train", shuffled and of similar lengths; see `BucketSampler`."""
        loading = self.loading
        items = self._reported(TRAIN, random_crops(self.store, TRAIN, loading.min_frames, loading.max_frames))
        world = world_size()
        if len(items) < world:
            raise UserError(
                f"{self.path}: {len(items)} training clips of at least {loading.min_frames} frames"
                f" for {world} processes"
            )
        seed = int(os.environ.get("PL_GLOBAL_SEED", "0"))
        weights = balanced(self.store, items.clips, loading.balance) if loading.balance else None
        sampler = BucketSampler(
            items.frames, batch_size=loading.batch_size, weights=weights, rank=rank(), world=world, seed=seed
        )
        change = SpeedChange(self.facts, loading.speed, loading.min_frames, loading.max_frames)
        dataset = MotionDataset(self.store, items, change if loading.speed else None)
        return TrainingLoader(dataset, sampler, workers=loading.workers, position=self._position)

    def val_dataloader(self) -> DataLoader[MotionBatch] | list[DataLoader[MotionBatch]]:
        """Return the split "val" in order; see `OrderedSampler`."""
        return self.split_dataloader("val")

    def test_dataloader(self) -> DataLoader[MotionBatch] | list[DataLoader[MotionBatch]]:
        """Return the split "test" in order; see `OrderedSampler`."""
        return self.split_dataloader("test")

    def predict_dataloader(self) -> DataLoader[MotionBatch] | list[DataLoader[MotionBatch]]:
        """Return the split "test" in order; see `OrderedSampler`."""
        return self.split_dataloader("test")

    def split_dataloader(self, split: str) -> DataLoader[MotionBatch] | list[DataLoader[MotionBatch]]:
        """Return any split in order; no loader if the store has no such split or no clip of it is long enough."""
        items = nothing()
        if split in self.store.split_names:
            items = self._reported(split, windows(self.store, split, self.loading.min_frames, self.loading.max_frames))
        if not len(items):
            rank_zero_info(
                f"{self.path}: split {split!r} has no clip of at least {self.loading.min_frames} frames, so nothing is"
                " measured on it; a lower loading.min_frames or more clips would help"
            )
            return []
        sampler = OrderedSampler(len(items), batch_size=self.loading.batch_size, rank=rank(), world=world_size())
        return DataLoader(MotionDataset(self.store, items), sampler=sampler, **loader_options(self.loading.workers))

    def transfer_batch_to_device(self, batch: MotionBatch, device: torch.device, dataloader_idx: int) -> MotionBatch:
        """Move a batch while the device goes on computing; Lightning itself does so for single tensors only."""
        return batch.to(device, non_blocking=device.type == "cuda")

    def _reported(self, split: str, items: Items) -> Items:
        if items.left_out:
            rank_zero_info(
                f"{self.path.name}, split {split!r}: {items.left_out} clips or last windows shorter than"
                f" {self.loading.min_frames} frames left out, {len(items)} kept"
            )
        return items

    def _position(self) -> tuple[int, int] | None:
        trainer = self.trainer
        if trainer is None or not trainer.training:
            return None
        return trainer.current_epoch, trainer.fit_loop.batch_idx + 1
