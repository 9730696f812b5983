"""Our own evaluator: a contrastive network trained on the data that is evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from torch import Tensor

from scalemogen.contracts import DataFacts, length_mask
from scalemogen.evaluators.base import Evaluator, MotionEmbeddings
from scalemogen.evaluators.towers import ContrastiveNetwork
from scalemogen.files import digest_json
from scalemogen.motion import Normaliser
from scalemogen.text import TextEncoder
from scalemogen.weights import digest_state


@final
class ContrastiveEvaluator(Evaluator):
    """A trained `ContrastiveNetwork` with its text encoder and the statistics of its training data.

    Args:
        facts: of the training data.
        network: the trained network.
        text: the text encoder that it was trained with.
    """

    def __init__(self, facts: DataFacts, network: ContrastiveNetwork, text: TextEncoder) -> None:
        super().__init__(
            name=f"contrastive-{facts.name}",
            distance="cosine",
            skeleton=facts.skeleton.name,
            skeleton_digest=facts.skeleton.digest,
            layout=facts.layout,
            fps=facts.fps,
        )
        self.facts = facts
        self.network = network
        self.text = text
        self._normaliser = Normaliser(facts.mean, facts.std)

    @property
    def width(self) -> int:
        """F, features per frame that it takes."""
        return len(self.facts.mean)

    @property
    def digest(self) -> str:
        """Identity of the numbers: digest of weights, text encoder and training data."""
        return digest_json([digest_state(self.network.state_dict()), self.text.digest, self.facts.digest])

    def encode_motions(self, features: Tensor, lengths: Tensor) -> MotionEmbeddings:
        """Embed motions; see `embed_motions`."""
        inside = length_mask(lengths, features.shape[1])
        normalised = self._normaliser.normalise(features).masked_fill(~inside[..., None], 0.0)
        embeddings = self.network.embed_motions(normalised, lengths)
        return MotionEmbeddings(embeddings, embeddings)

    def encode_texts(self, captions: Sequence[str], tagged: Sequence[str] | None) -> Tensor:
        """Embed sentences; see `embed_texts`. Over-long ones are cut, tags are not needed."""
        return self.network.embed_texts(self.text(captions, truncate=True))
