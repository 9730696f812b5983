"""How text enters the predictor: one sentence vector, projected words, and the learned null for guidance.

Axis letters: B batch, S words, E text width, M model width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from scalemogen.ar.attention import AttentionPool
from scalemogen.contracts import TextFeatures
from scalemogen.errors import UserError

EPSILON = 1e-6


class TextConditioning(nn.Module):
    """RMS norm, then attention pooling to the sentence and a two-layer projection of every word.

    Args:
        text_width: E.
        width: M.
        pool_heads: heads of the pooling; a divisor of `width`.
    """

    def __init__(self, text_width: int, width: int, pool_heads: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(text_width, eps=EPSILON)
        self.pool = AttentionPool(text_width, width, pool_heads)
        self.project = nn.Sequential(nn.Linear(text_width, width), nn.GELU(approximate="tanh"), nn.Linear(width, width))

    def forward(self, text: TextFeatures) -> tuple[Tensor, Tensor]:
        """Return the sentence (B, M) and the words (B, S, M)."""
        words = self.norm(text.tokens)
        return self.pool(words, text.mask), self.project(words)


class NullText(nn.Module):
    """Learned word features that stand for "no text" in classifier-free guidance.

    A prompt of n words is replaced by the first n rows. `forward` always touches the parameter, also where nothing is
    dropped, so that its gradient exists (as zeros) in every training step: DistributedDataParallel refuses parameters
    that are on the graph in one step and not in the next.

    Args:
        max_tokens: most words of a prompt.
        text_width: E.
    """

    def __init__(self, max_tokens: int, text_width: int) -> None:
        super().__init__()
        self.tokens = nn.Parameter(torch.randn(max_tokens, text_width) / math.sqrt(text_width))

    def forward(self, text: TextFeatures, dropped: Tensor) -> TextFeatures:
        """Return new features in which the rows of `dropped` (B,) bool are the null; the caller's stay untouched.

        Raises:
            UserError: a prompt has more words than the model was built for.
        """
        text = self._fit(text)
        tokens = torch.where(dropped[:, None, None], self.tokens[: text.mask.shape[1]], text.tokens)
        return TextFeatures(tokens, text.mask)

    def _fit(self, text: TextFeatures) -> TextFeatures:
        limit, given = self.tokens.shape[0], text.mask.shape[1]
        if given <= limit:
            return text
        if bool(text.mask[:, limit:].any()):
            words = int(text.mask.sum(1).max())
            raise UserError(f"a prompt of {words} tokens; this model takes at most {limit} (text_max_tokens)")
        return TextFeatures(text.tokens[:, :limit], text.mask[:, :limit])


def draw_text_dropout(batch: int, rate: float, generator: torch.Generator) -> Tensor:
    """Return (B,) bool on the generator's device, True with probability `rate`: the captions to hide in this step."""
    return torch.rand(batch, generator=generator, device=generator.device) < rate
