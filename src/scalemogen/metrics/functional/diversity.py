"""How much motions differ: among all of them (Diversity), and among several of one text (MultiModality).

Both draw pairs as the field does, with one departure: a sample is never paired with itself, which the field's
code lets happen and which lowers its value by the factor 1 - 1/N.
"""

from __future__ import annotations

import torch
from torch import Tensor

from scalemogen.errors import UserError
from scalemogen.metrics.functional.embeddings import checked_rows


def diversity(features: Tensor, pairs: int, generator: torch.Generator) -> Tensor:
    """Return the mean Euclidean distance of randomly drawn pairs of motions.

    Args:
        features: (N, E).
        pairs: how many; their first partners are all different. The field takes 300.
        generator: on the CPU.

    Returns:
        () float64.

    Raises:
        UserError: fewer motions than pairs, fewer than 2 motions, or values that are not finite.
    """
    return multimodality(checked_rows(features, "motion", least=2)[None], pairs, generator)


def multimodality(features: Tensor, pairs: int, generator: torch.Generator) -> Tensor:
    """Return the mean Euclidean distance of randomly drawn pairs of motions of one text, averaged over texts.

    Args:
        features: (R, N, E): N motions for each of R texts.
        pairs: how many for each text, 1..N; their first partners are all different. The field takes 10 of N = 30.
        generator: on the CPU.

    Returns:
        () float64.

    Raises:
        UserError: no texts, fewer motions than pairs, fewer than 2 motions, or values that are not finite.
        ValueError: not three axes, or no pairs wanted.
    """
    if features.ndim != 3 or pairs < 1:
        raise ValueError(f"features (R, N, E) and at least 1 pair wanted, not {[*features.shape]} and {pairs}")
    texts, samples = features.shape[:2]
    if samples < max(pairs, 2):
        raise UserError(f"{pairs} pairs need at least {max(pairs, 2)} motions to draw from; there are {samples}")
    rows = checked_rows(features.flatten(0, 1), "motion", least=1)
    first = torch.rand(texts, samples, generator=generator, dtype=torch.float64).argsort(dim=1)[:, :pairs]
    second = (first + torch.randint(1, samples, (texts, pairs), generator=generator)) % samples
    base = torch.arange(texts)[:, None] * samples
    one, other = ((base + chosen).flatten().to(rows.device) for chosen in (first, second))
    distances: Tensor = torch.linalg.vector_norm(rows[one] - rows[other], dim=-1)
    return distances.mean()
