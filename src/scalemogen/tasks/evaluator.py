"""The metrics' embedding network as a LightningModule."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor

from scalemogen.checkpoints import describe_evaluator, save_evaluator, text_settings
from scalemogen.contracts import MotionBatch, MotionSource
from scalemogen.distributed import gather_objects, gather_over_ranks
from scalemogen.errors import UserError
from scalemogen.evaluators import ContrastiveNetwork, caption_labels, info_nce, retrieval_figures
from scalemogen.tasks.schedules import Schedule
from scalemogen.tasks.text import TextChoice, TextTask
from scalemogen.weights import under


def adamw(parameters: Any) -> torch.optim.Optimizer:
    """Return TMR's optimiser."""
    return torch.optim.AdamW(parameters, lr=1e-4)


class EvaluatorTask(TextTask):
    """Trains a ContrastiveNetwork: matched motions and captions close together, all others apart.

    Args:
        width, layers, text_layers, heads, patch, embedding, dropout: see ContrastiveNetwork.
        temperature: divides the cosines in the loss; TMR's value.
        text: the text encoder.
        optimizer, schedule: see MotionTask.

    Raises:
        UserError: a temperature that is not positive.
    """

    stage = "evaluator"

    def __init__(
        self,
        width: int = 256,
        layers: int = 6,
        text_layers: int = 2,
        heads: int = 4,
        patch: int = 4,
        embedding: int = 256,
        dropout: float = 0.1,
        temperature: float = 0.1,
        text: TextChoice | None = None,
        optimizer: OptimizerCallable = adamw,
        schedule: Schedule | None = None,
    ) -> None:
        super().__init__(text or TextChoice(), optimizer, schedule or Schedule())
        if not 0.0 < temperature < math.inf:
            raise UserError(f"temperature is {temperature}; it must be positive")
        self.arguments: dict[str, Any] = {
            "width": width,
            "layers": layers,
            "text_layers": text_layers,
            "heads": heads,
            "patch": patch,
            "embedding": embedding,
            "dropout": dropout,
        }
        self.temperature = temperature
        self.network: ContrastiveNetwork
        self._seen: dict[str, tuple[str, Tensor, Tensor]] = {}

    def build_network(self, source: MotionSource) -> None:
        """Make the text encoder and the network."""
        text = self.build_text(source)
        features = len(self.known_facts.mean)
        self.network = ContrastiveNetwork(features=features, text_width=text.width, **self.arguments)

    def checkpoint_facts(self) -> dict[str, Any]:
        """Return the evaluator's description and its text encoder."""
        description = describe_evaluator(facts=self.known_facts, evaluator=self.arguments)
        return {**description, "text": text_settings(self.text_encoder)}

    def embed(self, batch: MotionBatch) -> tuple[Tensor, Tensor]:
        """Return unit vectors of motions and of captions, (B, E) each."""
        motions = self.network.embed_motions(batch.features, batch.lengths)
        return motions, self.network.embed_texts(self.text_features(batch.captions))

    def training_step(self, batch: MotionBatch, batch_idx: int) -> Tensor:
        """One optimiser step; the pairs of all processes are each other's negatives."""
        motions, texts = (gather_over_ranks(embeddings) for embeddings in self.embed(batch))
        labels = gather_over_ranks(caption_labels(batch.captions).to(self.device))
        loss = info_nce(motions, texts, labels, self.temperature)
        self.note({"loss": loss})
        return loss

    def validation_step(self, batch: MotionBatch, batch_idx: int) -> None:
        """Embed; retrieval is scored over the whole split."""
        self._collect(batch)

    def test_step(self, batch: MotionBatch, batch_idx: int) -> None:
        """As validation."""
        self._collect(batch)

    def on_validation_epoch_end(self) -> None:
        """Log loss and retrieval over the split."""
        self._score("val")

    def on_test_epoch_end(self) -> None:
        """Log loss and retrieval over the split."""
        self._score("test")

    def _collect(self, batch: MotionBatch) -> None:
        motions, texts = (embeddings.cpu() for embeddings in self.embed(batch))
        for clip, caption, motion, text in zip(batch.clip_ids, batch.captions, motions, texts, strict=True):
            if caption.strip():
                self._seen[clip] = (caption, motion.clone(), text.clone())  # not the batch with each row

    def _score(self, split: str) -> None:
        """Log the same figures on every process, whichever clips it has seen."""
        joined = {clip: row for share in gather_objects(self._seen) for clip, row in share.items()}
        self._seen = {}
        if not joined:
            return
        rows = [joined[clip] for clip in sorted(joined)]  # an order that does not depend on the number of processes
        captions = [caption for caption, _, _ in rows]
        motions, texts = torch.stack([row[1] for row in rows]), torch.stack([row[2] for row in rows])
        loss = info_nce(motions, texts, caption_labels(captions), self.temperature)
        figures = retrieval_figures(motions, texts, captions, "cosine")
        figures = {f"{split}/loss": float(loss), **{f"{split}_{name}": value for name, value in figures.items()}}
        self.log_dict(figures, sync_dist=True)  # equal on all processes

    def save_model(self, folder: str | Path, state: dict[str, Tensor], provenance: dict[str, Any]) -> None:
        """Write the model folder.

        Args:
            folder: where to.
            state: this module's state, or that of its running average.
            provenance: how the evaluator came about.
        """
        save_evaluator(
            folder,
            facts=self.known_facts,
            arguments=self.arguments,
            state=under("network.", state),
            text=self.text_with(state),
            provenance=provenance,
        )
