"""How well an evaluator itself retrieves: numbers to report beside everything that it measures."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from scalemogen.evaluators.loss import caption_labels
from scalemogen.metrics.functional import Distance, draw_pools, gallery_retrieval, r_precision

POOL = 32
"""Pairs in a pool: what the field ranks among."""

DRAWS = 10
"""How often the pairs are dealt out to pools, since one deal of a small split says little."""

TOP = (1, 2, 3)


def retrieval_figures(
    motions: Tensor, texts: Tensor, captions: Sequence[str], distance: Distance, seed: int = 0
) -> dict[str, float]:
    """Return R@1, 2, 3 and the median rank, both directions, in the whole gallery and in random pools of 32.

    In the gallery any pair with the caption asked for is right; in a pool no two pairs have the same caption. Both
    matter where data repeats its captions. Without 32 different captions there are no figures for pools.

    Args:
        motions: (N, E).
        texts: (N, E), row i belongs to motion i.
        captions: N.
        distance: the evaluator's.
        seed: of the pools.

    Returns:
        "gallery/text_to_motion_r1" (a share) and so on.

    Raises:
        UserError: embeddings that are not finite.
    """
    groups = caption_labels(captions)
    gallery = gallery_retrieval(texts, motions, distance=distance, groups=groups, ranks=TOP)
    figures: dict[str, float] = {}
    for direction, found in (("text_to_motion", gallery.text_to_motion), ("motion_to_text", gallery.motion_to_text)):
        figures |= {f"gallery/{direction}_r{k}": float(value) for k, value in zip(TOP, found.recall, strict=True)}
        figures[f"gallery/{direction}_median_rank"] = float(found.median_rank)
    if len(set(groups.tolist())) < POOL:
        return figures
    generator = torch.Generator().manual_seed(seed)
    pools = torch.cat([draw_pools(groups, POOL, generator) for _ in range(DRAWS)])
    for direction, queries, items in (("text_to_motion", texts, motions), ("motion_to_text", motions, texts)):
        precision = r_precision(queries, items, pools, distance=distance, top=max(TOP)).precision
        figures |= {f"pool{POOL}/{direction}_r{k}": float(precision[k - 1]) for k in TOP}
    return figures
