"""Attention: cosine self-attention with a key-value cache, text attention, attention pooling.

Axis letters: B batch, L tokens, S words, E text width, M model width, H heads, C channels of a head.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from einops import rearrange, repeat
from torch import Tensor, nn
from torch.nn import functional

from scalemogen.ar.layout import rotate

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

    def forward(self, x: Tensor, rotary: Tensor, mask: Tensor | None, cache: KeyValueCache | None = None) -> Tensor:
        """Attend from `x` to itself, or to everything in the cache once `x` is added to it.

        Args:
            x: (B, L, M).
            rotary: (L, C / 2) complex.
            mask: bool, True = may be seen, broadcastable to (B, H, L, keys); None = everything.
            cache: keys and values of earlier tokens; `x` is appended.

        Returns:
            (B, L, M).
        """
        bias = torch.cat([self.query_bias, torch.zeros_like(self.query_bias), self.value_bias])
        qkv = functional.linear(x, self.qkv.weight, bias)
        q, k, v = rearrange(qkv, "b l (three h c) -> three b l h c", three=3, h=self.heads).unbind(0)
        gain = self.log_gain.clamp(max=MAX_LOG_GAIN).exp()[:, None]
        q, k = _turned_direction(q, rotary, gain), _turned_direction(k, rotary, torch.ones_like(gain))
        q, k, v = (rearrange(x, "b l h c -> b h l c") for x in (q, k, v))
        if cache is not None:
            k, v = cache.append(k, v)
        mixed = _attend(q, k, v, mask)
        y: Tensor = self.dropout(self.out(rearrange(mixed, "b h l c -> b l (h c)")))
        return y


def _attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """Return softmax(q k' / sqrt(C)) v for (B, H, L, C).

    On a CPU in float32 at least, whatever autocast says: the backward pass of torch's kernel takes twice as long in
    bfloat16 there.
    """
    if q.device.type != "cpu":
        return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    with torch.autocast("cpu", enabled=False):
        wide_q, wide_k, wide_v = (x.to(torch.promote_types(x.dtype, torch.float32)) for x in (q, k, v))
        return functional.scaled_dot_product_attention(wide_q, wide_k, wide_v, attn_mask=mask).to(v.dtype)


def _turned_direction(x: Tensor, rotary: Tensor, gain: Tensor) -> Tensor:
    """Return rot(gain · x / ||x||) for x (B, L, H, C), computed in float32 at least."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    factor = gain / torch.linalg.vector_norm(wide, dim=-1, keepdim=True).clamp(min=1e-12)
    return rotate(wide * factor, rotary[:, None]).to(x.dtype)


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

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        """Attend from `x` (B, L, M) to words.

        Args:
            x: (B, L, M).
            keys: (B, H, S, C).
            values: (B, H, S, C).
            mask: (B, 1, 1, S) bool, True = word.
        """
        q = rearrange(self.query(x), "b l (h c) -> b h l c", h=self.heads)
        mask = mask.expand(-1, -1, q.shape[2], -1)
        mixed = _attend(q, keys, values, mask)
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
        pooled = _attend(query, keys, values, mask[:, None, None])
        y: Tensor = self.out(rearrange(pooled, "b h 1 c -> b (h c)"))
        return y
