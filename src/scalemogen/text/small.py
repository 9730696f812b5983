"""The offline default: word pieces of the training captions and a small T5-style encoder trained with the ar stage."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, ClassVar, final

import numpy as np
import torch
from torch import Tensor

from scalemogen.errors import UserError
from scalemogen.files import digest_bytes, digest_json
from scalemogen.text.encoder import TextEncoder
from scalemogen.text.stack import TextStack
from scalemogen.text.vocabulary import count_pieces, encode_pieces, train_sentencepiece, unknown_words


@final
class SmallTextEncoder(TextEncoder):
    """A bidirectional transformer of T5's design with random weights, trained by whoever uses it.

    The vocabulary is part of `state_dict` (as `_extra_state`, bytes in a uint8 tensor), so any checkpoint carries it.
    Parameter shapes follow from the numbers in `config()` alone: a vocabulary may have fewer pieces than the embedding
    has rows, and `load_state_dict` works on an encoder that has no vocabulary yet.

    Args:
        vocabulary: what `train_sentencepiece` made; empty = comes later, by `prepare` or `load_state_dict`.
        width: E, a multiple of `heads`.
        layers: transformer blocks.
        heads: attention heads.
        mlp_ratio: width of the gated feed-forward layers over `width`.
        vocab_size: rows of the embedding, at least the pieces of the vocabulary, 256 of which are bytes; default the
            pieces of `vocabulary`, or 4000 without one.
        max_tokens: most pieces of a caption, end of sentence included.
        dropout: rate, in training mode.

    Raises:
        UserError: sizes that do not fit together.
    """

    kind: ClassVar[str] = "small"
    frozen: ClassVar[bool] = False

    def __init__(
        self,
        vocabulary: bytes = b"",
        *,
        width: int = 256,
        layers: int = 4,
        heads: int = 4,
        mlp_ratio: float = 2.0,
        vocab_size: int | None = None,
        max_tokens: int = 128,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(width=width, max_tokens=max_tokens)
        if heads < 1 or width < heads or width % heads:
            raise UserError(f"width of the text encoder is {width}; it must be a multiple of its {heads} heads")
        if layers < 1:
            raise UserError(f"the text encoder has {layers} layers; it needs at least 1")
        if not 0.0 <= dropout < 1.0 or not 0.0 < mlp_ratio < math.inf:
            raise UserError(
                f"the text encoder has dropout {dropout} and mlp_ratio {mlp_ratio}; from 0 to below 1, and a positive"
                " number are needed"
            )
        if round(mlp_ratio * width) < 1 or (vocab_size or 1) < 1:
            raise UserError(
                f"the text encoder has mlp_ratio {mlp_ratio} and vocab_size {vocab_size}; they are too small"
            )
        self.layers = layers
        self.heads = heads
        self.mlp_ratio = mlp_ratio
        self.vocab_size = vocab_size or (count_pieces(vocabulary) if vocabulary else 4000)
        self.dropout = dropout
        self._set_vocabulary(vocabulary)
        self.stack = TextStack(
            self.vocab_size, width=width, layers=layers, heads=heads, hidden=round(mlp_ratio * width), dropout=dropout
        )

    @property
    def vocabulary(self) -> bytes:
        """The sentencepiece model; empty before `prepare` and before a checkpoint is loaded."""
        return self._vocabulary

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.stack.embed_tokens.weight.device

    @property
    def digest(self) -> str:
        """Digest of sizes, vocabulary and the weights as they are now."""
        state = [(name, value.detach().cpu().contiguous()) for name, value in sorted(self.state_dict().items())]
        chunks = [
            chunk for name, value in state for chunk in (name.encode(), value.view(torch.uint8).numpy().tobytes())
        ]
        return digest_bytes(digest_json(self.config()).encode(), *chunks)

    def config(self) -> dict[str, Any]:
        """Return `kind` and the constructor's keywords, without the vocabulary: that is state."""
        return {
            "kind": self.kind,
            "width": self.width,
            "layers": self.layers,
            "heads": self.heads,
            "mlp_ratio": self.mlp_ratio,
            "vocab_size": self.vocab_size,
            "max_tokens": self.max_tokens,
            "dropout": self.dropout,
        }

    def prepare(self, captions: Iterable[str]) -> None:
        """Train the vocabulary on the training captions, unless there is one.

        The same captions, in any order, give the same vocabulary, so the processes of a distributed run agree.

        Raises:
            UserError: see `train_sentencepiece`.
        """
        if not self._vocabulary:
            self._set_vocabulary(train_sentencepiece(captions, self.vocab_size))

    def token_ids(self, caption: str) -> tuple[int, ...]:
        """Return the word pieces and the end of sentence."""
        if not self._vocabulary:
            raise RuntimeError("the small text encoder has no vocabulary: call prepare(captions) or load a checkpoint")
        return encode_pieces(self._vocabulary, caption)

    def unknown_words(self, caption: str) -> list[str]:
        """Return the words of a caption that no training caption had; see `vocabulary.unknown_words`."""
        return unknown_words(self._vocabulary, caption) if self._vocabulary else []

    def encode(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return features (B, S, E), differentiable."""
        features: Tensor = self.stack(ids, mask)
        return features

    def get_extra_state(self) -> Tensor:
        """Return the vocabulary as uint8 (called by `state_dict`)."""
        return torch.from_numpy(np.frombuffer(self._vocabulary, dtype=np.uint8).copy())

    def set_extra_state(self, state: Tensor) -> None:
        """Take the vocabulary from `get_extra_state`'s result (called by `load_state_dict`).

        Raises:
            UserError: damaged, or of more pieces than the embedding has rows.
        """
        self._set_vocabulary(state.cpu().numpy().tobytes())

    def _set_vocabulary(self, vocabulary: bytes) -> None:
        if vocabulary and (pieces := count_pieces(vocabulary)) > self.vocab_size:
            raise UserError(f"the vocabulary has {pieces} pieces; this text encoder has room for {self.vocab_size}")
        self._vocabulary = vocabulary
