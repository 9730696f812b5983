"""The two towers of the contrastive evaluator, as plain networks over tensors.

Axis letters: B batch, T frames, F features per frame, P patches, S words, M model width, E width of an embedding.
"""

from __future__ import annotations

import math

import torch
from einops import rearrange, reduce
from torch import Tensor, nn
from torch.nn import functional

from scalemogen.contracts import TextFeatures, length_mask
from scalemogen.errors import UserError

MLP_RATIO = 2


class ContrastiveNetwork(nn.Module):
    """Puts motions and sentences on one unit sphere.

    After TMR (Petrovich et al. 2023, arXiv 2305.00976): a transformer encoder for each side and a shared space. Unlike
    there nothing is decoded and an embedding is a point, not a distribution, since retrieval and metrics use the means
    alone; and motion enters as patches of several frames, which costs a fraction.

    Args:
        features: F of the motions.
        text_width: E of the text encoder's words.
        width: M, an even multiple of `heads`.
        layers: transformer blocks of the motion side.
        text_layers: transformer blocks between the text encoder and the shared space.
        heads: attention heads.
        patch: frames between two patches, even; a patch spans twice as many.
        embedding: E, width of the shared space.
        dropout: rate, in training mode.

    Raises:
        UserError: sizes that do not fit together.
    """

    def __init__(
        self,
        *,
        features: int,
        text_width: int,
        width: int = 256,
        layers: int = 4,
        text_layers: int = 2,
        heads: int = 4,
        patch: int = 4,
        embedding: int = 256,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if min(heads, layers, text_layers, embedding) < 1 or width < 1 or width % (2 * heads):
            raise UserError(
                f"the evaluator's width {width} must be an even multiple of its {heads} heads;"
                f" layers ({layers}), text_layers ({text_layers}) and embedding ({embedding}) at least 1"
            )
        if patch < 2 or patch % 2:
            raise UserError(f"the evaluator's patch is {patch} frames; it must be even and positive")
        self.patch = patch
        self.cut = nn.Conv1d(features, width, kernel_size=2 * patch, stride=patch, padding=patch // 2)
        self.read = nn.Linear(text_width, width)
        self.motion = Tower(width, layers, heads, embedding, dropout)
        self.text = Tower(width, text_layers, heads, embedding, dropout)

    def embed_motions(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Return unit vectors (B, E) of normalised features (B, T, F), zero beyond lengths (B,)."""
        channels = rearrange(features, "b t f -> b f t")
        missing = -channels.shape[-1] % self.patch
        patches = rearrange(self.cut(functional.pad(channels, (0, missing))), "b m p -> b p m")
        counts = -(-lengths // self.patch)
        mask = length_mask(counts, patches.shape[1])
        embeddings: Tensor = self.motion(patches, mask)
        return embeddings

    def embed_texts(self, words: TextFeatures) -> Tensor:
        """Return unit vectors (B, E) of word features (B, S, E')."""
        embeddings: Tensor = self.text(self.read(words.tokens), words.mask)
        return embeddings


class Tower(nn.Module):
    """A transformer encoder, the mean of its outputs, and a projection onto the unit sphere.

    Args:
        width: M.
        layers: transformer blocks.
        heads: attention heads.
        embedding: E.
        dropout: rate.
    """

    def __init__(self, width: int, layers: int, heads: int, embedding: int, dropout: float) -> None:
        super().__init__()
        block = nn.TransformerEncoderLayer(
            width, heads, MLP_RATIO * width, dropout, "gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(block, layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.dropout = nn.Dropout(dropout)
        self.project = nn.Linear(width, embedding)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Embed sequences.

        Args:
            tokens: (B, S, M).
            mask: (B, S) bool, True = valid; at least one in every row.

        Returns:
            (B, E) float32 of length 1.
        """
        placed = self.dropout(tokens + positions(tokens.shape[1], tokens.shape[2]).to(tokens))
        mixed = self.blocks(placed, src_key_padding_mask=~mask)
        inside = mask[..., None]
        mean = reduce(mixed.masked_fill(~inside, 0.0), "b s m -> b m", "sum") / inside.sum(1)
        return functional.normalize(self.project(mean).float(), dim=-1)


def positions(count: int, width: int) -> Tensor:
    """Return sinusoidal positions (count, width), width even: sines, then cosines of geometric frequencies."""
    frequencies = torch.exp(torch.arange(width // 2) * (-math.log(10_000.0) / (width // 2)))
    angles = torch.arange(count)[:, None] * frequencies
    return torch.cat((angles.sin(), angles.cos()), dim=-1)
