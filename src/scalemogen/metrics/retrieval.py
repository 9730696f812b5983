"""Whether texts and motions find each other, as torchmetrics classes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric

from scalemogen.errors import UserError
from scalemogen.metrics.functional.embeddings import Distance, finite_rows, require_finite
from scalemogen.metrics.functional.retrieval import (
    RANKS,
    GalleryRetrieval,
    PoolPrecision,
    draw_pools,
    gallery_retrieval,
    matched_distance,
    matching_score,
    pools_in_order,
    r_precision,
)
from scalemogen.metrics.gathered import INDICES, GatheredMetric


class PairMetric(GatheredMetric):
    """Matched embeddings of texts and motions, with sample numbers and groups of samples.

    Args:
        width: E.
    """

    def __init__(self, width: int) -> None:
        super().__init__({"texts": width, "motions": width}, (INDICES, "groups"))

    def update(self, texts: Tensor, motions: Tensor, indices: Tensor, groups: Tensor | None = None) -> None:
        """Add a batch.

        Args:
            texts: (B, E).
            motions: (B, E), row i belongs to text i.
            indices: (B,) int64, each sample's place in the data set; no number comes twice.
            groups: (B,) int64 such as `functional.caption_groups`; each sample is a group of its own when not given.
                Give them in every update or in none.

        Raises:
            ValueError: the shapes do not fit.
        """
        groups = indices if groups is None else groups
        self._keep({"texts": texts, "motions": motions, INDICES: indices, "groups": groups})


class RPrecision(PairMetric):
    """R-precision over seeded random pools, see `functional.r_precision` and `functional.draw_pools`.

    Samples are put in the order of their numbers before pools are drawn, so a seed gives the same pools whatever the
    batch size and the number of processes. Where groups are given, no two samples of a group meet in a pool; without
    them this is the field's definition.

    Args:
        width: E.
        pool: samples in a pool: 32 for HumanML3D's protocol, 100 for SnapMoGen's.
        top: precisions at 1..top.
        distance: the evaluator's.
        seed: of the pools; None takes samples in the order of their numbers, as a loader that does not shuffle.
    """

    def __init__(
        self,
        width: int,
        pool: int = 32,
        top: int = 3,
        distance: Distance = "euclidean",
        seed: int | None = 0,
    ) -> None:
        super().__init__(width)
        self.pool = pool
        self.top = top
        self.distance: Distance = distance
        self.seed = seed

    def compute(self) -> PoolPrecision:
        """Return the precisions over all updates and processes, with how many samples they rest on.

        Raises:
            UserError: fewer samples, or groups, than a pool holds; repeated samples; values that are not finite;
                groups without a seed.
        """
        pairs = self._gathered()
        groups = pairs["groups"]
        if self.seed is not None:
            pools = draw_pools(groups, self.pool, torch.Generator().manual_seed(self.seed))
        elif torch.equal(groups, pairs[INDICES]):
            pools = pools_in_order(len(groups), self.pool)
        else:
            raise UserError(
                "pools in the order of the data cannot keep equal captions apart; give a seed, or no groups"
            )
        return r_precision(pairs["texts"], pairs["motions"], pools, distance=self.distance, top=self.top)


class Gallery(PairMetric):
    """R@k and median rank among all samples, both directions, see `functional.gallery_retrieval`.

    Where groups are given, every sample of a group is right for each other one.

    Args:
        width: E.
        distance: the evaluator's.
        ranks: the k of R@k.
    """

    def __init__(self, width: int, distance: Distance = "cosine", ranks: Sequence[int] = RANKS) -> None:
        super().__init__(width)
        self.distance: Distance = distance
        self.ranks = tuple(ranks)

    def compute(self) -> GalleryRetrieval:
        """Return the retrieval figures over all updates and processes.

        Raises:
            UserError: no samples, repeated samples, or values that are not finite.
        """
        pairs = self._gathered()
        return gallery_retrieval(
            pairs["texts"], pairs["motions"], distance=self.distance, groups=pairs["groups"], ranks=self.ranks
        )


class _MatchedMean(Metric):
    """Mean over all pairs of a number for each pair; pairs that are not finite are refused on `compute`."""

    full_state_update = False
    total: Tensor
    count: Tensor
    broken: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("broken", torch.zeros(2, dtype=torch.int64), dist_reduce_fx="sum")

    @abstractmethod
    def _values(self, texts: Tensor, motions: Tensor) -> Tensor:
        """Return (B,) of finite embeddings."""

    def update(self, texts: Tensor, motions: Tensor) -> None:
        """Add a batch.

        Args:
            texts: (B, E).
            motions: (B, E), row i belongs to text i.

        Raises:
            ValueError: the shapes differ.
        """
        if texts.shape != motions.shape:
            raise ValueError(f"texts and motions of one shape (B, E) wanted, not {[*texts.shape]}, {[*motions.shape]}")
        finite = finite_rows(texts), finite_rows(motions)
        both = finite[0] & finite[1]
        self.total += self._values(texts[both], motions[both]).sum().to(self.total.device)
        self.count += len(texts)
        self.broken += torch.stack([(~rows).sum() for rows in finite]).to(self.broken.device)

    def compute(self) -> Tensor:
        """Return the mean over all updates and processes.

        Raises:
            UserError: no pairs, or some that are not finite.
        """
        for name, broken in zip(("text", "motion"), self.broken.tolist(), strict=True):
            require_finite(broken, int(self.count), name)
        if not self.count:
            raise UserError(f"{type(self).__name__} of no pairs; at least 1 is needed")
        return self.total / self.count


class MatchedDistance(_MatchedMean):
    """Mean Euclidean distance of texts and their own motions: the field's MM-Dist, over all pairs.

    The field's code averages over the pairs of complete pools only, so it leaves out the last N % pool.
    """

    def _values(self, texts: Tensor, motions: Tensor) -> Tensor:
        return matched_distance(texts, motions)


class MatchingScore(_MatchedMean):
    """Mean cosine of texts and their own motions: the field's CLIP score, which has nothing to do with CLIP."""

    def _values(self, texts: Tensor, motions: Tensor) -> Tensor:
        return matching_score(texts, motions)
