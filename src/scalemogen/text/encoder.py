"""The text encoder interface: sentences in, word features out.

Axis letters: B batch, S text tokens, E text width.
"""

from __future__ import annotations

import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from scalemogen.contracts import TextFeatures, length_mask
from scalemogen.errors import UserError
from scalemogen.files import atomic_path
from scalemogen.weights import save_state

DESCRIPTION = "encoder.json"
WEIGHTS = "encoder.safetensors"
QUOTED = 60  # characters of a caption shown in a message

_log = logging.getLogger(__name__)


class TextEncoder(nn.Module, ABC):
    """Turns captions into word features.

    A caption becomes its tokens and an end-of-sentence token, so every caption, also the empty one, has at least one
    word. Features do not depend on what else is in the batch, and are zero where the mask is False.

    Attributes:
        kind: the encoder's name in configurations.
        frozen: True = pretrained and never trained: it has no parameters, buffers or state that a parent module could
            see, so optimisers, weight averaging and checkpoints leave it alone.
        width: E.
        max_tokens: most tokens of a caption, end of sentence included.
    """

    kind: ClassVar[str]
    frozen: ClassVar[bool]

    def __init__(self, *, width: int, max_tokens: int) -> None:
        super().__init__()
        if max_tokens < 2:
            raise UserError(f"max_tokens is {max_tokens}; a word and the end of sentence need at least 2")
        self.width = width
        self.max_tokens = max_tokens
        self._told_of_truncation = False

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where the features are computed."""

    @property
    @abstractmethod
    def digest(self) -> str:
        """Identity of the features: digest of weights, vocabulary and the settings that change a feature."""

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """Return `kind` and the constructor's keywords, as plain Python values for JSON."""

    @abstractmethod
    def prepare(self, captions: Iterable[str]) -> None:
        """Fit to the training captions what has to be fitted before the first forward pass; do nothing if it is."""

    @abstractmethod
    def token_ids(self, caption: str) -> tuple[int, ...]:
        """Return the tokens of a whole caption, special tokens included. Lone surrogates are not allowed."""

    @abstractmethod
    def encode(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return features (B, S, E) of token ids (B, S) int64, padded with 0 where mask (B, S) is False."""

    def forward(self, captions: Sequence[str], truncate: bool = False) -> TextFeatures:
        """Encode B captions.

        Args:
            captions: B >= 1 sentences.
            truncate: what to do with a caption of more than `max_tokens`. False, right for what a user typed: refuse
                it. True, right for training captions: keep its beginning and its last token, and log this once.

        Returns:
            Features (B, S, E), S the tokens of the longest caption.

        Raises:
            UserError: a caption is too long; the message names its length and the limit.
        """
        rows = self.tokenise(captions, truncate)
        if not rows:
            raise ValueError("no captions to encode")
        lengths = torch.tensor([len(row) for row in rows])
        longest = int(lengths.max())
        ids = torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows]).to(self.device)
        mask = length_mask(lengths, longest).to(self.device)
        return TextFeatures(self.encode(ids, mask).masked_fill(~mask[..., None], 0.0), mask)

    def tokenise(self, captions: Sequence[str], truncate: bool = False) -> list[tuple[int, ...]]:
        """Return the tokens that `forward` would encode, at most `max_tokens` a caption.

        Raises:
            UserError: see `forward`.
        """
        return [self._fit(caption, self.token_ids(printable(caption)), truncate) for caption in captions]

    def unknown_words(self, caption: str) -> list[str]:
        """Return the words of a caption that the encoder cannot know; none where it was trained on more than ours."""
        return []

    def save(self, folder: str | Path) -> None:
        """Write `encoder.json`, and the weights if they are ours. A frozen encoder is saved by name and digest alone.

        Raises:
            UserError: the folder cannot be written.
        """
        folder = Path(folder)
        if state := self.state_dict():
            with atomic_path(folder / WEIGHTS) as temporary:
                save_state(state, temporary)
        with atomic_path(folder / DESCRIPTION) as temporary:
            temporary.write_text(json.dumps({**self.config(), "digest": self.digest}, indent=1))

    def _fit(self, caption: str, ids: tuple[int, ...], truncate: bool) -> tuple[int, ...]:
        if len(ids) <= self.max_tokens:
            return ids
        problem = f"{len(ids)} tokens, {self.max_tokens} are allowed: '{caption[:QUOTED]}...'"
        if not truncate:
            raise UserError(f"the text is too long, it has {problem}")
        if not self._told_of_truncation:
            self._told_of_truncation = True
            _log.warning("long captions are truncated; the first one has %s", problem)
        return (*ids[: self.max_tokens - 1], ids[-1])


def printable(caption: str) -> str:
    """Return the caption with lone surrogates (undecodable bytes of a command line) replaced by question marks."""
    return caption.encode("utf-8", "replace").decode("utf-8")
