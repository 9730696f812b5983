"""What the stages that read sentences share: the choice of a text encoder, and the features of captions."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor

from scalemogen.contracts import MotionSource, TextFeatures
from scalemogen.tasks.base import MotionTask
from scalemogen.tasks.execution import Execution
from scalemogen.tasks.schedules import Schedule
from scalemogen.text import (
    MiniLMTextEncoder,
    SmallTextEncoder,
    T5TextEncoder,
    TextEncoder,
    TextFeatureCache,
    build_text_encoder,
    train_sentencepiece,
)
from scalemogen.weights import under


@dataclass
class TextChoice:
    """Which text encoder.

    Attributes:
        kind: "small" is trained with the stage; "t5" and "minilm" are frozen, their features cached.
        name: of "t5": hub name or local folder.
        width, layers, vocabulary, dropout: of "small".
        cache: folder of frozen features.
    """

    kind: Literal["small", "t5", "minilm"] = "small"
    name: str = "google/flan-t5-xl"
    width: int = 128
    layers: int = 2
    vocabulary: int = 1000
    dropout: float = 0.1
    cache: str = "data/text_features"

    def make(self, captions: Sequence[str]) -> TextEncoder:
        """Make the encoder; "small" learns its vocabulary from `captions`."""
        if self.kind == "t5":
            return T5TextEncoder(self.name)
        if self.kind == "minilm":
            return MiniLMTextEncoder()
        vocabulary = train_sentencepiece(captions, self.vocabulary)
        return SmallTextEncoder(vocabulary, width=self.width, layers=self.layers, dropout=self.dropout)


class TextTask(MotionTask, ABC):
    """Base of the stages that read sentences.

    Args:
        text: the text encoder.
        optimizer, schedule, execution: see MotionTask.

    Attributes:
        text_encoder: made by `build_text`; a frozen one shows no parameters and no state.
    """

    def __init__(
        self, text: TextChoice, optimizer: OptimizerCallable, schedule: Schedule, execution: Execution | None = None
    ) -> None:
        super().__init__(optimizer, schedule, execution)
        self.text_choice = text
        self.text_encoder: TextEncoder
        self._cache: TextFeatureCache | None = None

    def build_text(self, source: MotionSource) -> TextEncoder:
        """Make the text encoder and, where it is frozen, the features of all captions of the data; returns it."""
        encoder = self.text_choice.make(source.captions("train"))
        self.text_encoder = encoder
        if encoder.frozen:
            self._cache = TextFeatureCache(self.text_choice.cache, encoder)
            if self.trainer.is_global_zero:
                encoder.to(self.trainer.strategy.root_device)
                # A clip without captions has the empty one.
                self._cache.build(
                    ["", *(caption for split in self.known_facts.digests for caption in source.captions(split))]
                )
            self.trainer.strategy.barrier("text features")
        return encoder

    def text_features(self, captions: list[str]) -> TextFeatures:
        """Encode captions of the data, from the cache where the encoder is frozen; over-long ones are cut."""
        if self._cache is not None:
            return self._cache.lookup(captions, self.device)
        features: TextFeatures = self.text_encoder(captions, truncate=True)
        return features

    def text_with(self, state: dict[str, Tensor]) -> TextEncoder:
        """Return the text encoder with its weights in this module's `state`, in float32; a frozen one as it is."""
        if self.text_encoder.frozen:
            return self.text_encoder
        encoder = build_text_encoder(self.text_encoder.config())
        encoder.load_state_dict(under("text_encoder.", state))
        return encoder
