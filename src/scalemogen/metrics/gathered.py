"""The base of metrics that need all embeddings at once, in one order whatever the batches and processes."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from scalemogen.errors import UserError

INDICES = "indices"
"""The column with each sample's number: its place in the data set, whatever batch and process it comes in."""


class GatheredMetric(Metric, ABC):
    """Keeps the rows of every update and gathers them from all processes. Embeddings are kept in float64.

    Args:
        embeddings: name -> width of each kind of embedding.
        integers: names of int64 columns.
    """

    full_state_update = False

    def __init__(self, embeddings: Mapping[str, int], integers: Sequence[str] = ()) -> None:
        super().__init__()
        self._empty = {name: torch.empty(0, width, dtype=torch.float64) for name, width in embeddings.items()}
        self._empty |= {name: torch.empty(0, dtype=torch.int64) for name in integers}
        for name in self._empty:
            self.add_state(name, [], dist_reduce_fx="cat")
        self.reset()

    def reset(self) -> None:
        """Forget all rows."""
        super().reset()
        # Never an empty list: a process without samples must bring tensors of the right type and width.
        for name, empty in self._empty.items():
            setattr(self, name, [empty.to(self.device)])

    def _keep(self, columns: Mapping[str, Tensor]) -> None:
        """Add rows of some columns: (B, E) embeddings and (B,) integers, of one length B.

        Raises:
            ValueError: a width other than the constructor's, or columns of different lengths.
        """
        size = len(next(iter(columns.values())))
        for name, column in columns.items():
            wanted = [size, *self._empty[name].shape[1:]]
            if [*column.shape] != wanted:
                raise ValueError(f"{name} of shape {wanted} wanted, not {[*column.shape]}")
        for name, column in columns.items():
            getattr(self, name).append(column.detach().to(self.device, self._empty[name].dtype))

    def _gathered(self) -> dict[str, Tensor]:
        """Return all columns, of all processes once `compute` has synchronised them; by sample number if they have one.

        So what is drawn after gathering does not depend on batches and processes.

        Raises:
            UserError: a number occurs twice: a sampler repeated samples to fill its last batch, or the numbers start
                anew with each batch.
        """
        columns = {name: dim_zero_cat(getattr(self, name)) for name in self._empty}
        if INDICES not in columns:
            return columns
        numbers, order = columns[INDICES].sort(stable=True)
        again = numbers[1:][numbers.diff() == 0]
        if len(again):
            raise UserError(
                f"sample {int(again[0])} was given more than once ({len(again)} repetitions in {len(numbers)} samples);"
                f" {type(self).__name__} needs every sample exactly once"
            )
        return {name: column[order] for name, column in columns.items()}
