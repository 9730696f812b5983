"""What every evaluator is: a network that puts motions and sentences into one space, for metrics alone.

Axis letters: B batch, T frames, F features per frame, E width of an embedding.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from scalemogen.contracts import DataFacts, length_mask
from scalemogen.errors import UserError
from scalemogen.metrics.functional import Distance
from scalemogen.weights import digest_state


@dataclass(frozen=True)
class MotionEmbeddings:
    """Embeddings of B motions.

    Attributes:
        matching: (B, E) float32, in the space of the sentences: retrieval, matched distance, matching score.
        distribution: (B, E') float32: FID, diversity, multimodality. The same tensor unless the network has a second
            head for it.
    """

    matching: Tensor
    distribution: Tensor

    def __post_init__(self) -> None:
        if self.matching.ndim != 2 or len(self.matching) != len(self.distribution) or self.distribution.ndim != 2:
            raise ValueError(f"embeddings {tuple(self.matching.shape)} and {tuple(self.distribution.shape)} do not fit")


class Evaluator(nn.Module, ABC):
    """A frozen embedding network with the data that it understands.

    Numbers of two evaluators must never be compared: `digest` tells them apart, and goes into every result.

    Args:
        name: in results.
        distance: in which the network was trained.
        skeleton, skeleton_digest, layout, fps: of the motions that it takes.
    """

    def __init__(
        self, *, name: str, distance: Distance, skeleton: str, skeleton_digest: str, layout: str, fps: float
    ) -> None:
        super().__init__()
        self.name = name
        self.distance = distance
        self.skeleton = skeleton
        self.skeleton_digest = skeleton_digest
        self.layout = layout
        self.fps = fps

    @property
    @abstractmethod
    def width(self) -> int:
        """F, features per frame that it takes."""

    @abstractmethod
    def encode_motions(self, features: Tensor, lengths: Tensor) -> MotionEmbeddings:
        """Embed motions that `embed_motions` has checked; same arguments. What lies beyond a length has no effect."""

    @abstractmethod
    def encode_texts(self, captions: Sequence[str], tagged: Sequence[str] | None) -> Tensor:
        """Embed sentences that `embed_texts` has checked; same arguments."""

    @property
    def digest(self) -> str:
        """Identity of the numbers: digest of all weights and statistics."""
        return digest_state(self.state_dict())

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @final
    @torch.no_grad()
    def embed_motions(self, features: Tensor, lengths: Tensor) -> MotionEmbeddings:
        """Embed B motions.

        Args:
            features: (B, T, F) in the layout's own units, not normalised: the evaluator has its own statistics.
            lengths: (B,) int64 frames, 1..T; what lies beyond has no effect.

        Raises:
            UserError: features of another width, a length outside 1..T, or a value inside a motion that is not finite.
        """
        if features.ndim != 3 or features.shape[-1] != self.width or lengths.shape != features.shape[:1]:
            raise UserError(
                f"evaluator {self.name} takes features (B, T, {self.width}) of layout {self.layout} and lengths (B,);"
                f" it was given {tuple(features.shape)} and {tuple(lengths.shape)}"
            )
        frames = features.shape[1]
        if not bool(((lengths >= 1) & (lengths <= frames)).all()):
            raise UserError(f"lengths {lengths.tolist()}: each must lie in 1..{frames}, the frames given")
        features, lengths = features.to(self.device, torch.float32), lengths.to(self.device)
        inside = length_mask(lengths, frames)
        broken = (~features.isfinite().all(-1) & inside).any(-1)
        if bool(broken.any()):
            rows = broken.nonzero().flatten().tolist()
            raise UserError(f"features of motions {rows} of {len(features)} are not finite; they cannot be evaluated")
        return self.encode_motions(features.masked_fill(~inside[..., None], 0.0), lengths)

    @final
    @torch.no_grad()
    def embed_texts(self, captions: Sequence[str], tagged: Sequence[str] | None = None) -> Tensor:
        """Embed B sentences.

        Args:
            captions: B sentences.
            tagged: the same as "word/POS word/POS ...", for networks that need parts of speech.

        Returns:
            (B, E) float32, in the space of `MotionEmbeddings.matching`.

        Raises:
            UserError: no sentence, an empty one, or tags that are missing or do not fit.
        """
        if not captions:
            raise UserError("no sentences to evaluate")
        empty = [row for row, caption in enumerate(captions) if not caption.strip()]
        if empty:
            raise UserError(f"sentences {empty} of {len(captions)} are empty; they say nothing of a motion")
        if tagged is not None and len(tagged) != len(captions):
            raise UserError(f"{len(tagged)} tagged sentences for {len(captions)} sentences")
        return self.encode_texts(captions, tagged)

    def require(self, facts: DataFacts, source: str) -> None:
        """Refuse data that this evaluator was not made for.

        Args:
            facts: of the data, or of the data that a model was trained on.
            source: what has these facts, for the message.

        Raises:
            UserError: another skeleton, layout or frame rate; names both.
        """
        mine = (self.skeleton_digest, self.layout, self.fps)
        if (facts.skeleton.digest, facts.layout, facts.fps) != mine:
            raise UserError(
                f"{source} has {facts.layout} features of skeleton {facts.skeleton.name} ({facts.skeleton.digest}) at"
                f" {facts.fps:g} frames per second; evaluator {self.name} takes {self.layout} features of skeleton"
                f" {self.skeleton} ({self.skeleton_digest}) at {self.fps:g}"
            )
