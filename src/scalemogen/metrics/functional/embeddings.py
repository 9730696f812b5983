"""What every metric on embeddings shares: checks of the input, and distances that tie exactly where rows are equal."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from scalemogen.errors import UserError

Distance = Literal["euclidean", "cosine"]
"""How an evaluator compares a text and a motion: |a - b|, or 1 - cos(a, b)."""


def checked_rows(features: Tensor, name: str, least: int) -> Tensor:
    """Return embeddings in float64 after checking them.

    Args:
        features: (N, E), any floating type.
        name: what they are, for the message.
        least: the fewest rows that will do.

    Raises:
        UserError: fewer rows than `least`, or rows with NaN or infinite values; the message says how many.
        ValueError: not two axes.
    """
    if features.ndim != 2:
        raise ValueError(f"{name} embeddings (N, E) wanted, not {[*features.shape]}")
    count = features.shape[0]
    if count < least:
        raise UserError(f"{count} {name} embeddings; at least {least} are needed")
    require_finite(count - int(finite_rows(features).sum()), count, name)
    return features.detach().double()


def finite_rows(features: Tensor) -> Tensor:
    """Return (N,) bool, True where a row of (N, E) has no NaN and no infinite value."""
    return features.isfinite().all(dim=-1)


def require_finite(broken: int, count: int, name: str) -> None:
    """Refuse embeddings of which `broken` out of `count` are not finite.

    Raises:
        UserError: `broken` is not 0.
    """
    if broken:
        raise UserError(f"{broken} of {count} {name} embeddings hold NaN or infinite values; all must be finite")


def checked_pairs(texts: Tensor, motions: Tensor, least: int) -> tuple[Tensor, Tensor]:
    """Return matched embeddings in float64 after checking them, see `checked_rows`.

    Raises:
        UserError: see `checked_rows`.
        ValueError: the shapes differ.
    """
    if texts.shape != motions.shape:
        raise ValueError(f"texts and motions of one shape (N, E) wanted, not {[*texts.shape]}, {[*motions.shape]}")
    return checked_rows(texts, "text", least), checked_rows(motions, "motion", least)


def distance_matrix(rows: Tensor, columns: Tensor, distance: Distance) -> Tensor:
    """Return the distance of every row embedding to every column embedding.

    Each pair is computed on its own, not by one matrix product, whose rounding depends on where a pair stands in it:
    equal embeddings have equal distances, bit for bit. An embedding of length 0 has cosine 0 with everything.

    Args:
        rows: (..., N, E) float64.
        columns: (..., M, E) float64.
        distance: which one.

    Returns:
        (..., N, M); cosine distances 1 - cos lie in 0..2.
    """
    if distance == "cosine":
        rows, columns = torch.nn.functional.normalize(rows, dim=-1), torch.nn.functional.normalize(columns, dim=-1)
        no_direction = ~rows.any(dim=-1)[..., :, None] | ~columns.any(dim=-1)[..., None, :]
        # |a - b|^2 = 2 - 2 cos(a, b) for unit vectors
        apart = distance_matrix(rows, columns, "euclidean").square() / 2
        return torch.where(no_direction, 1.0, apart)
    return torch.cdist(rows, columns, compute_mode="donot_use_mm_for_euclid_dist")


def caption_groups(captions: Sequence[str]) -> Tensor:
    """Return (N,) int64 numbers, equal exactly where captions are equal; the same in every process and every run.

    The number is the first 8 bytes of the BLAKE2b digest of the caption.
    """
    digests = (hashlib.blake2b(caption.encode(), digest_size=8).digest() for caption in captions)
    return torch.tensor([int.from_bytes(digest, "big", signed=True) for digest in digests], dtype=torch.int64)
