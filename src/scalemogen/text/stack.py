"""The transformer of the small text encoder: T5's encoder, in plain torch.

It computes what `transformers.T5EncoderModel(...).encoder` computes, with the same names of parameters; importing that
package takes several seconds, which every generation of a motion would pay.
"""

from __future__ import annotations

import math
from typing import final

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

BUCKETS = 32
"""Classes of distances between words, half of them for words to the right."""
FARTHEST = 128
"""All distances from here on are one class."""
HIDDEN = -1e9
"""Added to the attention score of padding: nothing is left of it after the softmax, in any precision."""


def distance_buckets(size: int, device: torch.device | None = None) -> Tensor:
    """Return the class of the distance from word i to word j, (S, S): exact up to 7 words, then logarithmic."""
    place = torch.arange(size, device=device)
    distance = place[None, :] - place[:, None]
    half, exact = BUCKETS // 2, BUCKETS // 4
    far = exact + (distance.abs().clamp(min=1) / exact).log() / math.log(FARTHEST / exact) * (half - exact)
    near = torch.where(distance.abs() < exact, distance.abs(), far.long().clamp(max=half - 1))
    return near + half * (distance > 0)


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int, dropout: float, first: bool) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.q, self.k, self.v, self.o = (nn.Linear(width, width, bias=False) for _ in range(4))
        if first:  # all layers share the bias of distances
            self.relative_attention_bias = nn.Embedding(BUCKETS, heads)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        q, k, v = (rearrange(part(x), "b s (h d) -> b h s d", h=self.heads) for part in (self.q, self.k, self.v))
        dropout = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(q, k, v, bias.to(q.dtype), dropout, scale=1.0)
        result: Tensor = self.o(rearrange(mixed, "b h s d -> b s (h d)"))
        return result


class _FeedForward(nn.Module):
    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.wi_0, self.wi_1 = (nn.Linear(width, hidden, bias=False) for _ in range(2))
        self.wo = nn.Linear(hidden, width, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        gated = F.gelu(self.wi_0(x), approximate="tanh") * self.wi_1(x)
        result: Tensor = self.wo(self.dropout(gated))
        return result


class _Layer(nn.Module):
    """x + f(norm(x)), where f has T5's name."""

    def __init__(self, name: str, inner: nn.Module, width: int, dropout: float) -> None:
        super().__init__()
        self.name = name
        self.add_module(name, inner)
        self.layer_norm = nn.RMSNorm(width, eps=1e-6)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, *more: Tensor) -> Tensor:
        result: Tensor = x + self.dropout(self.get_submodule(self.name)(self.layer_norm(x), *more))
        return result


class _Block(nn.Module):
    def __init__(self, width: int, hidden: int, heads: int, dropout: float, first: bool) -> None:
        super().__init__()
        attention = _Attention(width, heads, dropout, first)
        forward = _FeedForward(width, hidden, dropout)
        self.layer = nn.ModuleList(
            [
                _Layer("SelfAttention", attention, width, dropout),
                _Layer("DenseReluDense", forward, width, dropout),
            ]
        )

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        attend, transform = self.layer
        result: Tensor = transform(attend(x, bias))
        return result


@final
class TextStack(nn.Module):
    """Embedding and bidirectional transformer with T5's biases of distances, gated GELU and RMS norms.

    Args:
        vocab_size: rows of the embedding.
        width: E, a multiple of `heads`.
        layers: blocks.
        heads: attention heads.
        hidden: width of the gated feed-forward layers.
        dropout: rate, in training mode.
    """

    def __init__(self, vocab_size: int, *, width: int, layers: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(vocab_size, width)
        self.block = nn.ModuleList(_Block(width, hidden, heads, dropout, first=not n) for n in range(layers))
        self.final_layer_norm = nn.RMSNorm(width, eps=1e-6)
        self.dropout = nn.Dropout(dropout)
        self._initialise(width, heads, hidden)

    @torch.no_grad()
    def _initialise(self, width: int, heads: int, hidden: int) -> None:
        """Draw weights as T5 does: attention scores are not scaled, therefore the queries' weights are."""
        spread = {"q": (width * width // heads) ** -0.5, "wo": hidden**-0.5, "embed_tokens": 1.0}
        for name, parameter in self.named_parameters():
            if parameter.ndim > 1:
                nn.init.normal_(parameter, std=spread.get(name.split(".")[-2], width**-0.5))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return features (B, S, E).

        Args:
            ids: word pieces (B, S).
            mask: (B, S), True = word.
        """
        distances = self.block[0].layer[0].SelfAttention.relative_attention_bias  # type: ignore[union-attr,index]
        bias = rearrange(distances(distance_buckets(ids.shape[1], ids.device)), "i j h -> 1 h i j")
        bias = bias.masked_fill(~mask[:, None, None, :].bool(), HIDDEN)
        x = self.dropout(self.embed_tokens(ids))
        for block in self.block:
            x = block(x, bias)
        result: Tensor = self.dropout(self.final_layer_norm(x))
        return result
