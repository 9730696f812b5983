"""One row of one repeat: what the evaluator's embeddings say of a set of motions.

Axis letters: N motions, E embedding width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from scalemogen.evaluation.draws import seed_of
from scalemogen.evaluation.protocols import Protocol
from scalemogen.evaluators import Distance
from scalemogen.metrics.functional import (
    caption_groups,
    diversity,
    draw_pools,
    frechet_distance,
    kernel_distance,
    matched_distance,
    matching_score,
    moments,
    multimodality,
    pool_hits,
    pools_in_order,
)

TOP = 3


@dataclass(frozen=True)
class Pairs:
    """How well each motion fits its sentence, and the pools in which it was looked for.

    Attributes:
        hits: (N, TOP) probability that the own motion is among the first 1, 2, 3 of the pool; NaN where a pair was in
            no pool.
        distance: (N,) Euclidean.
        cosine: (N,).
    """

    hits: Tensor
    distance: Tensor
    cosine: Tensor

    def scores(self, rows: Tensor | None = None) -> dict[str, float]:
        """Return the means over all pairs, or over `rows`; without retrieval where none of them was in a pool."""
        hits, distance, cosine = (
            value if rows is None else value[rows] for value in (self.hits, self.distance, self.cosine)
        )
        found = {f"r{k + 1}": float(hits[:, k].nanmean()) for k in range(TOP)}
        return found | {"mm_dist": float(distance.mean()), "matching_score": float(cosine.mean())}


@dataclass(frozen=True)
class Scoring:
    """The rules of one repeat, the same for every row.

    Attributes:
        protocol: where they come from.
        distance: of retrieval.
        seed: of the evaluation.
        split, repeat: which one.
    """

    protocol: Protocol
    distance: Distance
    seed: int
    split: str
    repeat: int

    def pools(self, captions: list[str]) -> Tensor:
        """Return pools (P, pool) of rows."""
        if self.protocol.pools == "consecutive":
            return pools_in_order(len(captions), self.protocol.pool)
        return draw_pools(caption_groups(captions), self.protocol.pool, self._generator("pools"))

    def pairs(self, texts: Tensor, motions: Tensor, pools: Tensor) -> Pairs:
        """Compare sentences (N, E) with their motions (N, E)."""
        hits = pool_hits(texts, motions, pools, distance=self.distance, top=TOP)
        return Pairs(hits, matched_distance(texts, motions), matching_score(texts, motions))

    def distribution(self, motions: Tensor, reference: Tensor) -> dict[str, float]:
        """Return FID and KID of motions (N, E) against others."""
        return {
            "fid": float(frechet_distance(moments(reference), moments(motions))),
            "kid": float(kernel_distance(reference, motions).value),
        }

    def real_distribution(self, motions: Tensor, redrawn: Tensor) -> dict[str, float]:
        """Return FID and KID of real motions (N, E) against what the protocol says."""
        if self.protocol.real_against == "redrawn":
            return self.distribution(motions, redrawn)
        order = torch.randperm(len(motions), generator=self._generator("halves"))
        half = len(motions) // 2
        return self.distribution(motions[order[:half]], motions[order[half : 2 * half]])

    def diversity(self, motions: Tensor) -> dict[str, float]:
        """Return the diversity of motions (N, E)."""
        pairs = self.protocol.diversity_pairs_of(len(motions))
        return {"diversity": float(diversity(motions, pairs, self._generator("diversity")))}

    def multimodality(self, motions: Tensor) -> dict[str, float]:
        """Return the multimodality of motions (texts, samples, E)."""
        return {"multimodality": float(multimodality(motions, self.protocol.pairs, self._generator("multimodality")))}

    def _generator(self, purpose: str) -> torch.Generator:
        return torch.Generator().manual_seed(seed_of(self.seed, purpose, self.split, self.repeat))
