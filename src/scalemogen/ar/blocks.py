"""One transformer block: self-attention, text attention, feed-forward, with shared adaptive layer norm.

Axis letters: B batch, L tokens, M model width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from scalemogen.ar.attention import EPSILON, KeyValueCache, SelfAttention, TextAttention, View
from scalemogen.ar.fused import gelu_linear, modulated_linear
from scalemogen.repeated import Repeated

HIDDEN_MULTIPLE = 256


def hidden_width(width: int, ratio: float) -> int:
    """Return the feed-forward width, `ratio * width` rounded to a multiple of 256 (at least 256)."""
    return max(1, round(ratio * width / HIDDEN_MULTIPLE)) * HIDDEN_MULTIPLE


def drop_path(x: Tensor, rate: float, training: bool) -> Tensor:
    """Set whole samples of a residual branch (B, ...) to zero with probability `rate`, scaling up the others."""
    if rate == 0.0 or not training:
        return x
    kept = torch.rand(x.shape[:1] + (1,) * (x.ndim - 1), device=x.device) >= rate
    return x * (kept / (1.0 - rate)).to(x.dtype)


class FeedForward(nn.Module):
    """Layer norm with modulation, then two linear maps with a tanh-approximated GELU between them.

    Args:
        width: M.
        hidden: width between the maps.
        dropout: on the output.
    """

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.expand = nn.Linear(width, hidden)
        self.out = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, modulation: tuple[Tensor, Tensor]) -> Tensor:
        """Map (B, L, M) to (B, L, M); `modulation` is gain and shift (B, 1, M)."""
        hidden = modulated_linear(x, *modulation, self.expand.weight, self.expand.bias, EPSILON)
        y: Tensor = self.dropout(gelu_linear(hidden, self.out.weight, self.out.bias))
        return y


class Block(Repeated):
    """Gated self-attention, text attention without gate, gated feed-forward.

    Equations, with (γ1, γ2, s1, s2, t1, t2) = shared modulation of the sentence + this block's own:
    x ← x + γ1 · SA(LN(x)(1 + s1) + t1);  x ← x + TA(LN'(x));  x ← x + γ2 · FF(LN(x)(1 + s2) + t2).
    LN has no weights, LN' has.

    Args:
        width: M.
        heads: attention heads.
        mlp_ratio: feed-forward width over M, see `hidden_width`.
        dropout: on the output of each part.
        path_rate: probability of skipping a gated part for a sample in training.
    """

    def __init__(self, width: int, heads: int, mlp_ratio: float, dropout: float, path_rate: float) -> None:
        super().__init__()
        self.path_rate = path_rate
        self.modulation = nn.Parameter(torch.cat([torch.ones(2, width), torch.zeros(4, width)]))
        self.attention = SelfAttention(width, heads, dropout)
        self.text_norm = nn.LayerNorm(width, eps=EPSILON)
        self.text_attention = TextAttention(width, heads, dropout)
        self.feed_forward = FeedForward(width, hidden_width(width, mlp_ratio), dropout)

    def forward(
        self,
        x: Tensor,
        shared: Tensor,
        words: tuple[Tensor, Tensor],
        text_hidden: Tensor | None,
        rotary: Tensor,
        views: Sequence[View],
        cache: KeyValueCache | None = None,
    ) -> Tensor:
        """Apply the block.

        Args:
            x: (B, L, M).
            shared: (B, 6, M) modulation of the sentence, shared by all blocks.
            words: keys and values of the words, from `text_attention.key_value`.
            text_hidden: (B, 1, 1, S) or None, see `TextAttention`.
            rotary: (L, head_dim / 2) complex.
            views: see `SelfAttention`.
            cache: see `SelfAttention`.
        """
        parts = (shared + self.modulation).unsqueeze(2).unbind(1)
        gate_attention, gate_feed, scale_attention, scale_feed, shift_attention, shift_feed = parts
        mixed = self.attention(x, (1.0 + scale_attention, shift_attention), rotary, views, cache)
        x = torch.addcmul(x, drop_path(mixed, self.path_rate, self.training), gate_attention)
        x = x + self.text_attention(x, self.text_norm, *words, text_hidden)
        fed = self.feed_forward(x, (1.0 + scale_feed, shift_feed))
        return torch.addcmul(x, drop_path(fed, self.path_rate, self.training), gate_feed)
