"""What all data modules share: a store, and the loaders that read it."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path

import torch
import torch.distributed as dist
from lightning.pytorch import LightningDataModule
from lightning.pytorch.utilities import rank_zero_info
from torch.utils.data import DataLoader

from scalemogen.contracts import DataFacts, MotionBatch
from scalemogen.data_modules.dataset import Items, MotionDataset, random_crops, windows
from scalemogen.data_modules.sampler import BucketSampler, OrderedSampler
from scalemogen.data_modules.store import MotionStore
from scalemogen.data_modules.writer import TRAIN
from scalemogen.distributed import world_size
from scalemogen.errors import UserError


class MotionDataModule(LightningDataModule, ABC):
    """Abstract data module over a motion store.

    The order of training batches follows `seed_everything`, as Lightning's own samplers do.

    Args:
        batch_size: clips in a batch, on each device.
        max_frames: longer clips are cut: at random in training, into consecutive windows elsewhere (named "ID#w2").
        min_frames: shorter clips and windows are left out, and counted in the log.
        workers: processes that load batches; 0 loads in the training process.

    Raises:
        UserError: a number is out of range.
    """

    def __init__(self, *, batch_size: int, max_frames: int, min_frames: int, workers: int) -> None:
        super().__init__()
        if not (batch_size >= 1 and 1 <= min_frames <= max_frames and workers >= 0):
            raise UserError(
                f"batch_size {batch_size}, min_frames {min_frames}, max_frames {max_frames}, workers {workers}:"
                " needed batch_size >= 1, 1 <= min_frames <= max_frames, workers >= 0"
            )
        self.batch_size = batch_size
        self.max_frames = max_frames
        self.min_frames = min_frames
        self.workers = workers

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

    def setup(self, stage: str) -> None:
        """Open the store."""
        _ = self.store

    def train_dataloader(self) -> DataLoader[MotionBatch]:
        """Return batches of the split "train", shuffled and of similar lengths; see `BucketSampler`."""
        items = self._reported(TRAIN, random_crops(self.store, TRAIN, self.min_frames, self.max_frames))
        rank, world = _rank(), world_size()
        if len(items) < world:
            raise UserError(
                f"{self.path}: {len(items)} training clips of at least {self.min_frames} frames for {world} processes"
            )
        seed = int(os.environ.get("PL_GLOBAL_SEED", "0"))
        sampler = BucketSampler(items.frames, batch_size=self.batch_size, rank=rank, world=world, seed=seed)
        return self._loader(items, sampler)

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
        if split not in self.store.split_names:
            return []
        items = self._reported(split, windows(self.store, split, self.min_frames, self.max_frames))
        if not len(items):
            return []
        sampler = OrderedSampler(len(items), batch_size=self.batch_size, rank=_rank(), world=world_size())
        return self._loader(items, sampler)

    def _reported(self, split: str, items: Items) -> Items:
        if items.left_out:
            rank_zero_info(
                f"{self.path.name}, split {split!r}: {items.left_out} clips or last windows shorter than"
                f" {self.min_frames} frames left out, {len(items)} kept"
            )
        return items

    def _loader(self, items: Items, sampler: BucketSampler | OrderedSampler) -> DataLoader[MotionBatch]:
        return DataLoader(
            MotionDataset(self.store, items),
            sampler=sampler,
            batch_size=None,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            pin_memory=torch.cuda.is_available(),
        )


def _rank() -> int:
    return dist.get_rank() if world_size() > 1 else 0
