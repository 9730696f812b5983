"""How much motions differ, as torchmetrics classes."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor

from scalemogen.errors import UserError
from scalemogen.metrics.functional.diversity import diversity, multimodality
from scalemogen.metrics.gathered import INDICES, GatheredMetric


class Diversity(GatheredMetric):
    """Mean distance of randomly drawn pairs of all motions, see `functional.diversity`.

    Samples are put in the order of their numbers before pairs are drawn, so a seed gives the same pairs whatever the
    batch size and the number of processes.

    Args:
        width: E.
        pairs: how many; the field takes 300.
        seed: of the pairs.
    """

    def __init__(self, width: int, pairs: int = 300, seed: int = 0) -> None:
        super().__init__({"motions": width}, (INDICES,))
        self.pairs = pairs
        self.seed = seed

    def update(self, motions: Tensor, indices: Tensor) -> None:
        """Add a batch.

        Args:
            motions: (B, E).
            indices: (B,) int64, each sample's place in the data set; no number comes twice.

        Raises:
            ValueError: the shapes do not fit.
        """
        self._keep({"motions": motions, INDICES: indices})

    def compute(self) -> Tensor:
        """Return the mean distance over all updates and processes.

        Raises:
            UserError: fewer motions than pairs, repeated samples, or values that are not finite.
        """
        return diversity(self._gathered()["motions"], self.pairs, torch.Generator().manual_seed(self.seed))


class MultiModality(GatheredMetric):
    """Mean distance of randomly drawn pairs of motions of one text, see `functional.multimodality`.

    Args:
        width: E.
        pairs: for each text; the field takes 10 of 30 motions, for 100 texts.
        seed: of the pairs.
    """

    def __init__(self, width: int, pairs: int = 10, seed: int = 0) -> None:
        super().__init__({"motions": width}, (INDICES, "texts"))
        self.pairs = pairs
        self.seed = seed

    def update(self, motions: Tensor, texts: Tensor, indices: Tensor) -> None:
        """Add a batch.

        Args:
            motions: (B, E).
            texts: (B,) int64, equal for motions of one text.
            indices: (B,) int64, a number for each motion; no number comes twice, also not in different texts.

        Raises:
            ValueError: the shapes do not fit.
        """
        self._keep({"motions": motions, "texts": texts, INDICES: indices})

    def compute(self) -> Tensor:
        """Return the mean distance over all updates and processes.

        Raises:
            UserError: no motions, texts with unequally many, fewer motions of a text than pairs, repeated samples, or
                values that are not finite.
        """
        columns = self._gathered()
        texts, order = columns["texts"].sort(stable=True)
        names, counts = torch.unique_consecutive(texts, return_counts=True)
        if not len(names):
            raise UserError("MultiModality of no motions; give several motions of each text")
        few, many = int(counts.argmin()), int(counts.argmax())
        if counts[few] != counts[many]:
            raise UserError(
                f"MultiModality needs equally many motions of every text; there are {int(counts[few])} of text"
                f" {int(names[few])} and {int(counts[many])} of text {int(names[many])}"
            )
        motions = rearrange(columns["motions"][order], "(r n) e -> r n e", r=len(names))
        return multimodality(motions, self.pairs, torch.Generator().manual_seed(self.seed))
