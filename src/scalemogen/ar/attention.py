"""Attention: cosine self-attention with a key-value cache, text attention, attention pooling.

Axis letters: B batch, L tokens, S words, E text width, M model width, H heads, C channels of a head.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from einops import rearrange, repeat
from torch import Tensor, nn
from torch.nn import functional

from scalemogen.ar.fused import modulated_linear, turned_directions

EPSILON = 1e-6
MAX_LOG_GAIN = math.log(100.0)
INITIAL_LOG_GAIN = math.log(4.0)


@dataclass
class KeyValueCache:
    """Keys and values of one block for all tokens of a generation, allocated once.

    Attributes:
        keys: (B, H, L, C).
        values: (B, H, L, C).
        filled: tokens written so far.
    """

    keys: Tensor
    values: Tensor
    filled: int = 0

    @classmethod
    def allocate(cls, batch: int, heads: int, tokens: int, channels: int, like: Tensor) -> KeyValueCache:
        """Allocate for `tokens` tokens, with the device and type of `like`."""
        size = (batch, heads, tokens, channels)
        return cls(like.new_empty(size), like.new_empty(size))

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write the keys and values (B, H, n, C) of n new tokens; return those of all tokens so far."""
        stop = self.filled + keys.shape[2]
        self.keys[:, :, self.filled : stop] = keys
        self.values[:, :, self.filled : stop] = values
        self.filled = stop
        return self.keys[:, :, :stop], self.values[:, :, :stop]


@dataclass(frozen=True)
class View:
    """What some neighbouring tokens see: the first `keys` tokens but those that `hidden` hides.

    Attributes:
        rows: the tokens that look.
        keys: how many they look at, from the first one on.
        hidden: broadcastable to (B, H, rows, keys), 0 or minus infinity, added to the scores; None hides nothing.
    """

    rows: slice
    keys: int
    hidden: Tensor | None


class SelfAttention(nn.Module):
    """Cosine attention with 2-D rotary positions.

    Equation: softmax(q'ᵀ k' / sqrt(C)) v with k' = rot(k / ||k||) and q' = rot(gain · q / ||q||). The gain of each
    head is learned as a logarithm and held at 100 at most. The division by sqrt(C) on top of the gain is the
    reference's. Keys have no bias.

    Args:
        width: M, a multiple of `heads`.
        heads: H.
        dropout: on the output.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.query_bias = nn.Parameter(torch.zeros(width))
        self.value_bias = nn.Parameter(torch.zeros(width))
        self.log_gain = nn.Parameter(torch.full((heads,), INITIAL_LOG_GAIN))
        self.out = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        modulation: tuple[Tensor, Tensor],
        rotary: Tensor,
        views: Sequence[View],
        cache: KeyValueCache | None = None,
    ) -> Tensor:
        """Attend from the normalised and modulated `x` to itself, or to everything in the cache once it is added.

        Args:
            x: (B, L, M).
            modulation: gain and shift (B, 1, M) after the layer norm.
            rotary: (L, C / 2) complex.
            views: what the tokens of `x` see; together all of them, in order.
            cache: keys and values of earlier tokens; those of `x` are appended.

        Returns:
            (B, L, M).
        """
        bias = torch.cat([self.query_bias, torch.zeros_like(self.query_bias), self.value_bias])
        qkv = modulated_linear(x, *modulation, self.qkv.weight, bias, EPSILON)
        qkv = rearrange(qkv, "b l (three h c) -> b l three h c", three=3, h=self.heads)
        gain = self.log_gain.clamp(max=MAX_LOG_GAIN).exp()
        q, k, v = (rearrange(part, "b l h c -> b h l c") for part in turned_directions(qkv, rotary, gain))
        if cache is not None:
            k, v = cache.append(k, v)
        parts = [attend(q[:, :, view.rows], k[:, :, : view.keys], v[:, :, : view.keys], view.hidden) for view in views]
        mixed = parts[0] if len(parts) == 1 else torch.cat(parts, 2)
        y: Tensor = self.dropout(self.out(rearrange(mixed, "b h l c -> b l (h c)")))
        return y


def attend(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None) -> Tensor:
    """Return softmax(q k' / sqrt(C) + hidden) v for (B, H, L, C).

    On a CPU in float32 at least, whatever autocast says: the backward pass of torch's kernel takes twice as long in
    bfloat16 there.
    """
    if q.device.type != "cpu":
        hidden = None if hidden is None else hidden.to(q.dtype)
        return functional.scaled_dot_product_attention(q, k, v, attn_mask=hidden)
    with torch.autocast("cpu", enabled=False):
        wide = torch.promote_types(q.dtype, torch.float32)
        hidden = None if hidden is None else hidden.to(wide)
        mixed = functional.scaled_dot_product_attention(q.to(wide), k.to(wide), v.to(wide), attn_mask=hidden)
        return mixed.to(v.dtype)


def hiding(seen: Tensor) -> Tensor:
    """Return what hides places from attention: 0 where `seen` is True, minus infinity elsewhere."""
    return torch.zeros(seen.shape, device=seen.device).masked_fill_(~seen, -math.inf)


class KeyValue(nn.Module):
    """One linear map to keys (without bias) and values (with one).

    Args:
        source: width of what is attended to.
        width: M.
        heads: H.
    """

    def __init__(self, source: int, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.weight = nn.Parameter(torch.empty(2 * width, source))
        self.value_bias = nn.Parameter(torch.zeros(width))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))

    def forward(self, words: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, S, source) to keys and values (B, H, S, C)."""
        bias = torch.cat([torch.zeros_like(self.value_bias), self.value_bias])
        both = functional.linear(words, self.weight, bias)
        keys, values = rearrange(both, "b s (two h c) -> two b h s c", two=2, h=self.heads)
        return keys, values


class TextAttention(nn.Module):
    """Attention from tokens to words. Keys and values are made once (`key_value`) and handed in.

    Args:
        width: M, a multiple of `heads`.
        heads: H.
        dropout: on the output.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = KeyValue(width, width, heads)
        self.out = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, norm: nn.LayerNorm, keys: Tensor, values: Tensor, hidden: Tensor | None) -> Tensor:
        """Attend from the normalised `x` (B, L, M) to words.

        Args:
            x: (B, L, M).
            norm: of `x`.
            keys: (B, H, S, C).
            values: (B, H, S, C).
            hidden: (B, 1, 1, S), see `hiding`; None = every place holds a word.
        """
        q = modulated_linear(x, norm.weight, norm.bias, self.query.weight, self.query.bias, norm.eps)
        mixed = attend(rearrange(q, "b l (h c) -> b h l c", h=self.heads), keys, values, hidden)
        y: Tensor = self.dropout(self.out(rearrange(mixed, "b h l c -> b l (h c)")))
        return y


class AttentionPool(nn.Module):
    """Pool words to one vector by attention with one learned query per head.

    Args:
        source: E, width of the words.
        width: M, a multiple of `heads`.
        heads: H.
    """

    def __init__(self, source: int, width: int, heads: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(heads, width // heads) / math.sqrt(width // heads))
        self.key_value = KeyValue(source, width, heads)
        self.out = nn.Linear(width, width)

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:
        """Pool (B, S, E) with mask (B, S), True = word, to (B, M)."""
        keys, values = self.key_value(words)
        query = repeat(self.query.to(keys.dtype), "h c -> b h 1 c", b=words.shape[0])
        pooled = attend(query, keys, values, hiding(mask[:, None, None]))
        y: Tensor = self.out(rearrange(pooled, "b h 1 c -> b (h c)"))
        return y
