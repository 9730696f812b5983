"""What is kept of a motion once it is measured, and measuring many of them in few batches on several processes.

The batches are formed of all motions, whoever computes them: with any number of processes every motion is computed in
the same batch, so that not even the last digit of a number depends on it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor
from tqdm import tqdm

from scalemogen.distributed import gather_objects, rank, world_size

J = TypeVar("J")
H = TypeVar("H", bound=Hashable)

Samples = dict[str, Tensor]
"""Named values (N, ...) of N motions or sentences, on the CPU."""


@dataclass(frozen=True)
class Batching:
    """How jobs are put together.

    Attributes:
        size: motions computed at a time.
        quiet: without a progress bar.
    """

    size: int = 64
    quiet: bool = False

    def run(self, jobs: Sequence[J], sizes: Sequence[int], work: Callable[[list[J]], Samples], label: str) -> Samples:
        """Do jobs in batches of similar size, dealt to the processes; every process gets the results of all.

        Args:
            jobs: at least one.
            sizes: of each job; the largest are done first.
            work: gives the values of a batch.
            label: of the progress bar, which appears after two seconds on terminals.

        Returns:
            The values of all jobs, in their order.
        """
        order = sorted(range(len(jobs)), key=lambda at: -sizes[at])
        batches = [order[start : start + self.size] for start in range(0, len(order), self.size)]
        own = range(rank(), len(batches), world_size())
        done: list[tuple[int, Samples]] = []
        hidden = True if self.quiet or rank() else None  # None: shown on terminals only
        with tqdm(total=sum(len(batches[at]) for at in own), desc=label, delay=2, disable=hidden, leave=False) as bar:
            for at in own:
                values = work([jobs[job] for job in batches[at]])
                done.append((at, {name: value.cpu() for name, value in values.items()}))
                bar.update(len(batches[at]))
        everyone = [part for share in gather_objects(done) for part in share]
        parts = [values for _, values in sorted(everyone, key=lambda part: part[0])]
        back = torch.tensor(order).argsort()
        return {name: torch.cat([part[name] for part in parts])[back] for name in parts[0]}


class Remembered(Generic[H]):
    """Values of jobs that come again: each is computed once.

    Args:
        run: computes the values of several jobs, in their order.
        keep: whether jobs do come again; if not, nothing is kept.

    Attributes:
        keep: as given.
    """

    def __init__(self, run: Callable[[list[H]], Samples], keep: bool = True) -> None:
        self._run = run
        self.keep = keep
        self._rows: dict[H, int] = {}
        self._values: Samples = {}

    def __call__(self, jobs: Sequence[H]) -> Samples:
        """Return the values of jobs, in their order."""
        if not self.keep:
            return self._run(list(jobs))
        fresh = [job for job in dict.fromkeys(jobs) if job not in self._rows]
        if fresh:
            made = self._run(fresh)
            self._rows.update({job: len(self._rows) + at for at, job in enumerate(fresh)})
            self._values = {
                name: torch.cat([self._values[name], value]) if self._values else value for name, value in made.items()
            }
        rows = [self._rows[job] for job in jobs]
        return {name: value[rows] for name, value in self._values.items()}
