"""Loaders of whole batches; the one of training goes on where a run was stopped within an epoch."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader

from scalemogen.contracts import MotionBatch
from scalemogen.data_modules.dataset import MotionDataset
from scalemogen.data_modules.sampler import BucketSampler


def _outlive_signals(worker: int) -> None:
    """Leave requests to stop to the process that trains: a scheduler sends them to all processes of a job."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)


def loader_options(workers: int) -> dict[str, Any]:
    """Return the options of a DataLoader whose sampler yields batches.

    Args:
        workers: processes that load; 0 does it in this one.
    """
    return {
        "batch_size": None,
        "num_workers": workers,
        "persistent_workers": workers > 0,
        "worker_init_fn": _outlive_signals,
        "pin_memory": torch.cuda.is_available(),
    }


class TrainingLoader(DataLoader[MotionBatch]):
    """Gives the batches of an epoch that are still to come.

    An epoch is drawn from the seed and the epoch's number alone, so a resumed run needs no more than that number and
    how many batches of the epoch it has had. Lightning counts both and keeps them in every checkpoint.

    Args:
        dataset: the items.
        sampler: which of them make a batch.
        workers: processes that load; 0 does it in this one.
        position: returns the epoch and the batches of it that training has had, None where nothing is trained; asked
            when the first batch of an epoch is.

    Attributes:
        waited: seconds that training has spent here, all epochs together.
    """

    sampler: BucketSampler

    def __init__(
        self,
        dataset: MotionDataset,
        sampler: BucketSampler,
        *,
        workers: int,
        position: Callable[[], tuple[int, int] | None],
    ) -> None:
        super().__init__(dataset, sampler=sampler, **loader_options(workers))
        self._position = position
        self.waited = 0.0

    def __iter__(self) -> Iterator[MotionBatch]:  # type: ignore[override]
        """Yield batches.

        Nothing is drawn before the first one is asked for: Lightning makes iterators before it has set the epoch, and
        workers would begin on another one.
        """
        position = self._position()
        if position is not None:
            epoch, self.sampler.first = position
            self.sampler.set_epoch(epoch)
        started, batches = time.perf_counter(), super().__iter__()
        for batch in batches:
            self.waited += time.perf_counter() - started
            yield batch
            started = time.perf_counter()

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: what Lightning keeps is enough. It asks for this method to know that a loader can go on."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Do nothing; see `state_dict`."""
