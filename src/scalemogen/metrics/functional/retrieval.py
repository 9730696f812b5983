"""Do texts and motions find each other: R-precision in pools, retrieval in the whole gallery, matched pairs.

Ties count in expectation: among items at exactly the same distance every order is equally probable, so an evaluator
that maps everything to one point scores what guessing scores, whichever way a sort would have broken the ties.

Axis letters: N matched pairs, P pools, E embedding width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from scalemogen.errors import UserError
from scalemogen.metrics.functional.embeddings import Distance, checked_pairs, distance_matrix

RANKS = (1, 2, 3, 5, 10)
"""The k of R@k that are usual for retrieval in a whole gallery."""


class PoolPrecision(NamedTuple):
    """Answer of `r_precision`.

    Attributes:
        precision: share of texts whose own motion is among the 1, 2, ... top nearest of its pool; `top` numbers.
        ranked: pairs that were in a pool.
        dropped: pairs that were in none, since pools are complete.
    """

    precision: tuple[float, ...]
    ranked: int
    dropped: int


class Retrieval(NamedTuple):
    """How queries of one kind find items of the other.

    Attributes:
        recall: R@k as shares in 0..1, a number for each rank asked for.
        median_rank: 1 is best.
    """

    recall: tuple[float, ...]
    median_rank: float


class GalleryRetrieval(NamedTuple):
    """Answer of `gallery_retrieval`, both directions."""

    text_to_motion: Retrieval
    motion_to_text: Retrieval


def pools_in_order(count: int, pool: int) -> Tensor:
    """Return (P, pool) int64: pairs 0, 1, 2, ... in consecutive pools, the incomplete last one dropped.

    What a loader without shuffling gives. Pools of items sorted by length or by action are harder or easier than
    random ones, so a result names the order.

    Raises:
        UserError: fewer pairs than one pool.
    """
    return _enough(torch.arange(count), pool)[: count // pool * pool].reshape(-1, pool)


def draw_pools(groups: Tensor, pool: int, generator: torch.Generator) -> Tensor:
    """Return (P, pool) int64: random pools in which no two pairs have the same group number, as many as there can be.

    With all group numbers different (`torch.arange(N)`) this is the field's protocol: a random partition of N
    pairs into N // pool pools, N % pool pairs being left out. Identical captions may then meet in a pool, and only
    the own pair counts as found. With `caption_groups` they never meet. P is the largest number for which
    Σ_g min(n_g, P) >= P pool, n_g being the size of group g; what is left out is drawn at random.

    Args:
        groups: (N,) int64.
        pool: pairs in a pool, at least 2.
        generator: on the CPU.

    Raises:
        UserError: fewer pairs, or fewer groups, than one pool holds.
        ValueError: a pool of fewer than 2.
    """
    groups = groups.cpu()
    order = _enough(torch.randperm(groups.shape[0], generator=generator), pool)
    _, group, sizes = torch.unique(groups[order], return_inverse=True, return_counts=True)
    if sizes.shape[0] < pool:
        raise UserError(
            f"R-precision with pools of {pool} without repeated captions needs {pool} different captions;"
            f" there are {sizes.shape[0]} among {groups.shape[0]} pairs"
        )
    count = next(p for p in range(groups.shape[0] // pool, 0, -1) if int(sizes.clamp(max=p).sum()) >= p * pool)
    # Groups one after the other, in random order; dealt out like cards, `count` neighbours go to different pools.
    group = torch.randperm(sizes.shape[0], generator=generator)[group]
    by_group = group.argsort(stable=True)
    sizes = group.bincount()
    place = torch.arange(groups.shape[0]) - (sizes.cumsum(0) - sizes).repeat_interleave(sizes)
    usable = by_group[place < count]
    kept = torch.randperm(usable.shape[0], generator=generator)[: count * pool].sort().values
    return order[usable[kept]].reshape(pool, count).T.contiguous()


def r_precision(
    texts: Tensor, motions: Tensor, pools: Tensor, *, distance: Distance = "euclidean", top: int = 3
) -> PoolPrecision:
    """Return R-precision: how often a text's own motion is among the nearest motions of its pool.

    Each text of a pool ranks the motions of the same pool. Only its own motion counts as found, also where another
    motion of the pool has the same caption, as the field defines it.

    Args:
        texts: (N, E) embeddings.
        motions: (N, E), row i belongs to text i.
        pools: (P, pool) int64 rows, from `draw_pools` or `pools_in_order`; several draws may be joined.
        distance: the evaluator's; Euclidean for HumanML3D (pool 32), cosine for SnapMoGen (pool 100).
        top: precisions at 1..top, at most the size of a pool.

    Raises:
        UserError: values that are not finite.
        ValueError: the shapes do not fit, or `top` is more than a pool holds.
    """
    hits = _hits_in_pools(texts, motions, pools, distance, top)
    ranked = len(torch.unique(pools))
    return PoolPrecision(tuple(hits.mean(dim=(0, 1)).tolist()), ranked, texts.shape[0] - ranked)


def pool_hits(
    texts: Tensor, motions: Tensor, pools: Tensor, *, distance: Distance = "euclidean", top: int = 3
) -> Tensor:
    """Return what `r_precision` averages: the probability that each text finds its own motion.

    Args:
        texts: (N, E) embeddings.
        motions: (N, E), row i belongs to text i.
        pools: (P, pool) int64 rows, no row in two pools.
        distance: the evaluator's.
        top: at most the size of a pool.

    Returns:
        (N, top) float64: among the 1, 2, ... top nearest motions of its pool; NaN for texts that are in no pool.

    Raises:
        UserError: values that are not finite.
        ValueError: the shapes do not fit, or `top` is more than a pool holds.
    """
    found = _hits_in_pools(texts, motions, pools, distance, top)
    hits = found.new_full((texts.shape[0], top), torch.nan)
    hits[pools.to(hits.device)] = found
    return hits


def gallery_retrieval(
    texts: Tensor,
    motions: Tensor,
    *,
    distance: Distance = "cosine",
    groups: Tensor | None = None,
    ranks: Sequence[int] = RANKS,
) -> GalleryRetrieval:
    """Return R@k and the median rank of retrieval among all N pairs, text to motion and motion to text.

    The rank of a query is the place of the first right item. Right is the query's own pair and, where groups are
    given, every item of its group: with `caption_groups`, any motion that has the caption asked for. Data sets that
    repeat captions make the former unfair, since which of two equal captions is "own" cannot be known.

    Args:
        texts: (N, E) embeddings.
        motions: (N, E), row i belongs to text i.
        distance: the evaluator's.
        groups: (N,) int64, items of an equal number are right for each other.
        ranks: the k of R@k; above N the recall is 1.

    Raises:
        UserError: no pairs, or values that are not finite.
        ValueError: the shapes do not fit.
    """
    texts, motions = checked_pairs(texts, motions, least=1)
    groups = torch.arange(texts.shape[0]) if groups is None else groups
    if groups.shape != texts.shape[:1]:
        raise ValueError(f"{texts.shape[0]} group numbers wanted, not {[*groups.shape]}")
    groups = groups.to(texts.device)
    right = groups[:, None] == groups
    distances = distance_matrix(texts, motions, distance)
    directions = [_found(matrix, right) for matrix in (distances, distances.T)]
    return GalleryRetrieval(
        *(
            Retrieval(tuple(float(found.hits(k).mean()) for k in ranks), float(found.rank().quantile(0.5)))
            for found in directions
        )
    )


def matched_distance(texts: Tensor, motions: Tensor) -> Tensor:
    """Return the Euclidean distance of each text and its own motion; the mean is what the field calls MM-Dist.

    Args:
        texts: (N, E) embeddings.
        motions: (N, E), row i belongs to text i.

    Returns:
        (N,) float64.

    Raises:
        UserError: values that are not finite.
    """
    texts, motions = checked_pairs(texts, motions, least=0)
    distances: Tensor = torch.linalg.vector_norm(texts - motions, dim=-1)
    return distances


def matching_score(texts: Tensor, motions: Tensor) -> Tensor:
    """Return the cosine of each text and its own motion; the mean is what the field calls CLIP score.

    The embeddings are the evaluator's; the image model CLIP has no part in it.

    Args:
        texts: (N, E) embeddings.
        motions: (N, E), row i belongs to text i.

    Returns:
        (N,) float64 in -1..1; 0 where an embedding has length 0.

    Raises:
        UserError: values that are not finite.
    """
    texts, motions = checked_pairs(texts, motions, least=0)
    return torch.cosine_similarity(texts, motions, dim=-1).clamp(-1.0, 1.0)


class _Found(NamedTuple):
    """Where the nearest right item of each query stands.

    Attributes:
        nearer: (..., N) float64, wrong items before it.
        wrong: (..., N) wrong items at exactly its distance.
        right: (..., N) right items at exactly its distance, itself included.
    """

    nearer: Tensor
    wrong: Tensor
    right: Tensor

    def hits(self, k: int) -> Tensor:
        """Return (..., N) the probability that a right item is among the first k when ties fall at random.

        With q = k - nearer places for the tied items: 1 - C(wrong, q) / C(wrong + right, q).
        """
        places = (k - self.nearer).clamp(min=0.0)
        left = (self.wrong - places).clamp(min=0.0)
        tied = self.wrong + self.right
        missed = torch.lgamma(self.wrong + 1) - torch.lgamma(left + 1)
        missed = missed - torch.lgamma(tied + 1) + torch.lgamma(left + self.right + 1)
        return torch.where(places > self.wrong, 1.0, 1.0 - missed.exp())

    def rank(self) -> Tensor:
        """Return (..., N) the expected place of the first right item, 1 is best."""
        return self.nearer + (self.wrong + self.right + 1) / (self.right + 1)


def _hits_in_pools(texts: Tensor, motions: Tensor, pools: Tensor, distance: Distance, top: int) -> Tensor:
    """Return (P, pool, top) the probability that each text of each pool finds its own motion among the nearest."""
    texts, motions = checked_pairs(texts, motions, least=1)
    if pools.ndim != 2 or not 1 <= top <= pools.shape[1]:
        raise ValueError(f"pools (P, at least {top}) wanted, not {[*pools.shape]}")
    pools = pools.to(texts.device)
    right = torch.eye(pools.shape[1], dtype=torch.bool, device=texts.device)
    found = _found(distance_matrix(texts[pools], motions[pools], distance), right)
    return torch.stack([found.hits(k) for k in range(1, top + 1)], dim=-1)


def _found(distances: Tensor, right: Tensor) -> _Found:
    """Find the nearest right item in each row of (..., N, M) distances, given the mask (N, M) of right items."""
    nearest = distances.masked_fill(~right, torch.inf).amin(dim=-1, keepdim=True)
    tied = distances == nearest
    counts = (distances < nearest, tied & ~right, tied & right)
    return _Found(*(mask.sum(dim=-1).double() for mask in counts))


def _enough(order: Tensor, pool: int) -> Tensor:
    """Return the order after checking that it fills one pool."""
    if pool < 2:
        raise ValueError(f"a pool of {pool}; at least 2 wanted")
    if order.shape[0] < pool:
        raise UserError(f"R-precision with pools of {pool} needs at least {pool} pairs; there are {order.shape[0]}")
    return order
