"""Stage 2 as a LightningModule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor

from scalemogen.ar import NextScaleTransformer, draw_flips, draw_text_dropout, scale_weighted_cross_entropy
from scalemogen.checkpoints import (
    CHECKPOINT_KEY,
    DESCRIPTION,
    Bundle,
    describe,
    find_tokenizer,
    load_model,
    save_folder,
    text_settings,
)
from scalemogen.contracts import MotionBatch, MotionSource, TokenSpec
from scalemogen.errors import UserError
from scalemogen.files import digest_json
from scalemogen.motion import Motion
from scalemogen.sampling import generate, seeded_generators
from scalemogen.scales import Quantised
from scalemogen.tasks.execution import Execution
from scalemogen.tasks.latents import LatentCache
from scalemogen.tasks.schedules import Schedule
from scalemogen.tasks.text import TextChoice, TextTask
from scalemogen.weights import digest_state, load_strictly, under


def adamw(parameters: Any) -> torch.optim.Optimizer:
    """Return the paper's optimiser for stage 2, at a rate that suits small models."""
    return torch.optim.AdamW(parameters, lr=3e-4, betas=(0.9, 0.97), weight_decay=0.005)


@dataclass
class Sampling:
    """Sampling defaults that a model is saved with.

    Attributes:
        guidance: strength at the last scale; rises linearly from 0 at the first.
        temperature: divides the logits.
    """

    guidance: float = 7.0
    temperature: float = 1.3


class ARTask(TextTask):
    """Trains a NextScaleTransformer on the bits of a frozen tokenizer.

    Args:
        tokenizer: model folder or checkpoint of stage 1, or a folder of runs, of which the newest one with a tokenizer
            trained on the same data is taken.
        width, depth, heads, mlp_ratio, drop_path, dropout, places: see NextScaleTransformer.
        text: the text encoder.
        text_dropout: probability to replace a caption by the learned null, for guidance.
        flip_strength: highest rate of bit flips in the context (bitwise self-correction).
        sampling: defaults that the model is saved with, used for samples while training.
        latents: folder in which the tokenizer's latents of the data are kept, so that clips are encoded once and not in
            every epoch; "" encodes them whenever they are seen.
        optimizer, schedule, execution: see MotionTask.
    """

    stage = "ar"
    spec: TokenSpec

    def __init__(
        self,
        tokenizer: str = "runs/tokenizer",
        width: int = 768,
        depth: int = 12,
        heads: int = 8,
        mlp_ratio: float = 4.0,
        drop_path: float = 0.1,
        dropout: float = 0.0,
        places: bool = True,
        text: TextChoice | None = None,
        text_dropout: float = 0.1,
        flip_strength: float = 0.3,
        sampling: Sampling | None = None,
        latents: str = "data/latents",
        optimizer: OptimizerCallable = adamw,
        schedule: Schedule | None = None,
        execution: Execution | None = None,
    ) -> None:
        super().__init__(text or TextChoice(), optimizer, schedule or Schedule(), execution)
        self.tokenizer_source = tokenizer
        self.arguments: dict[str, Any] = {
            "width": width,
            "depth": depth,
            "heads": heads,
            "mlp_ratio": mlp_ratio,
            "drop_path": drop_path,
            "dropout": dropout,
            "places": places,
        }
        self.text_dropout = text_dropout
        self.flip_strength = flip_strength
        self.sampling = sampling or Sampling()
        self.latents = latents
        self._caches: dict[str, LatentCache] = {}
        self.transformer: NextScaleTransformer

    def build_network(self, source: MotionSource) -> None:
        """Load the tokenizer, make the text encoder and the transformer.

        Raises:
            UserError: no tokenizer for this data, or one that does not fit it.
        """
        bundle, self._tokenizer_path = self._load_tokenizer()
        tokenizer = bundle.tokenizer.requires_grad_(False)
        # Held in lists: frozen networks are no parameters of this module (EMA, optimiser and DDP leave them alone).
        self._frozen_tokenizer = [tokenizer]
        self._tokenizer_arguments = bundle.description["tokenizer"]
        self.spec = bundle.spec
        encoder = self.build_text(source)
        self.arguments["text_width"] = encoder.width
        self.arguments["text_max_tokens"] = encoder.max_tokens
        self.transformer = NextScaleTransformer(self.spec, **self.arguments)

    def _load_tokenizer(self) -> tuple[Bundle, Path]:
        facts, asked = self.known_facts, Path(self.tokenizer_source)
        given = asked.is_file() or (asked / DESCRIPTION).is_file()
        path = asked if given else find_tokenizer(asked, facts)
        if path is None:
            raise UserError(
                f"no tokenizer trained on data {facts.name} in {asked}; "
                "run `make train-tokenizer` with the same data first, or name a model folder with TOKENIZER="
            )
        bundle = load_model(path)
        if difference := bundle.facts.difference(facts):
            raise UserError(
                f"tokenizer {path} was trained on data {bundle.facts.name}, not on {facts.name}: {difference} differ"
            )
        return bundle, path

    @property
    def tokenizer(self) -> Any:
        """The frozen tokenizer, on this module's device."""
        tokenizer = self._frozen_tokenizer[0]
        if tokenizer.project_in.weight.device != self.device:
            tokenizer.to(self.device)
        return tokenizer

    def checkpoint_facts(self) -> dict[str, Any]:
        """Return the model's description, the text encoder, and the tokenizer that the stage is trained on."""
        description = describe(
            facts=self.known_facts,
            spec=self.spec,
            tokenizer=self._tokenizer_arguments,
            ar=self.arguments,
            sampling=asdict(self.sampling),
        )
        tokenizer = self._frozen_tokenizer[0].state_dict()
        return {**description, "text": text_settings(self.text_encoder), "tokenizer_state": tokenizer}

    def inputs(self) -> dict[str, dict[str, str]]:
        """Return the tokenizer."""
        digest = digest_state(self._frozen_tokenizer[0].state_dict())
        return {"tokenizer": {"path": str(self._tokenizer_path), "digest": digest}}

    def __getstate__(self) -> dict[str, Any]:
        """Leave the frozen tokenizer out of copies, which are averages of what is trained."""
        return {**super().__getstate__(), "_frozen_tokenizer": []}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the tokenizer that the checkpoint was trained on, whichever was found for this run.

        Raises:
            UserError: see MotionTask.
        """
        super().on_load_checkpoint(checkpoint)
        load_strictly(self._frozen_tokenizer[0], checkpoint[CHECKPOINT_KEY]["tokenizer_state"], "the checkpoint")

    def on_fit_start(self) -> None:
        """See to the latents: of the tokenizer of this run, or of the checkpoint that it goes on from."""
        super().on_fit_start()
        self._open_latents("train", "val")

    def on_validation_start(self) -> None:
        """See to the latents, where nothing is trained."""
        self._open_latents("val")

    def on_test_start(self) -> None:
        """See to the latents."""
        self._open_latents("test")

    def _open_latents(self, *splits: str) -> None:
        source: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        for split in splits:
            if not self.latents or split in self._caches or not len(batches := source.steady(split)):
                continue
            cache = LatentCache(self.latents, self.tokenizer, [self.known_facts.digests[split], source.cutting])
            if self.trainer.local_rank == 0:
                cache.build(batches)
            self.trainer.strategy.barrier("latents")
            cache.open()
            self._caches[split] = cache

    @torch.no_grad()
    def encode(self, batch: MotionBatch, split: str = "") -> Tensor:
        """Return the tokenizer's latent (B, N, G, D); of a `split` whose latents are kept, without computing them."""
        tokenizer, cache = self.tokenizer, self._caches.get(split)
        if cache is not None:
            return cache.encode(batch)
        z: Tensor = tokenizer.encode(batch.features.to(tokenizer.project_in.weight.dtype), batch.lengths)
        return z

    @torch.no_grad()
    def quantise(self, z: Tensor, lengths: Tensor, flips: Sequence[Tensor] | None) -> Quantised:
        """Return label bits and transformer inputs, with bits flipped in the context where `flips` are given.

        Args:
            z: (B, N, G, D) latent of the tokenizer.
            lengths: (B,) frames.
            flips: per scale (B, N_k, G_k, D), True = flip.
        """
        flips = None if flips is None else [flipped.to(self.device) for flipped in flips]
        quantised: Quantised = self.tokenizer.pyramid.quantise(z, lengths, flips=flips, inputs=True)
        return quantised

    def _flips(self, batch: int, cells: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        sizes = self.tokenizer.pyramid.sizes(cells)
        return draw_flips(batch, sizes, self.spec.bits, strength=self.flip_strength, generator=generator)

    def _own_flips(self, clips: Sequence[str], cells: int) -> list[Tensor]:
        """Draw flips that a clip has in every batch and on any number of processes: on the full grid, then cropped."""
        seeds = [int(digest_json(clip), 16) % 2**32 for clip in clips]
        drawn = [self._flips(1, self.spec.cells, torch.Generator().manual_seed(seed)) for seed in seeds]
        sizes = self.tokenizer.pyramid.sizes(cells)
        return [torch.cat(scale)[:, :times] for scale, (times, _) in zip(zip(*drawn, strict=True), sizes, strict=True)]

    def training_step(self, batch: MotionBatch, batch_idx: int) -> Tensor:
        """One optimiser step with bit flips and text dropout, drawn apart on every process."""
        z = self.encode(batch, "train")
        flips = self._flips(len(z), z.shape[1], self.step_generator("flips", batch_idx, self.global_rank))
        quantised = self.quantise(z, batch.lengths, flips)
        generator = self.step_generator("text dropout", batch_idx, self.global_rank)
        dropped = draw_text_dropout(len(batch), self.text_dropout, generator).to(self.device)
        text = self.text_features(batch.captions)
        logits = self.transformer(quantised.inputs, text, quantised.maps.valid, dropped)
        result = scale_weighted_cross_entropy(logits, quantised.maps, self.spec)
        figures = {"loss": result.loss, "accuracy": result.accuracy.mean()}
        self.note(figures, {"cross_entropy": result.cross_entropy, "accuracy": result.accuracy})
        return result.loss

    def validation_step(self, batch: MotionBatch, batch_idx: int) -> None:
        """Log loss and accuracy without flips and text dropout, then the loss with flips as a figure of its own."""
        self._evaluate(batch, "val")

    def test_step(self, batch: MotionBatch, batch_idx: int) -> None:
        """As validation."""
        self._evaluate(batch, "test")

    def _evaluate(self, batch: MotionBatch, split: str) -> None:
        text, z = self.text_features(batch.captions), self.encode(batch, split)
        figures: dict[str, Tensor] = {}
        for name, flips in (("", None), ("_flipped", self._own_flips(batch.clip_ids, z.shape[1]))):
            quantised = self.quantise(z, batch.lengths, flips)
            logits = self.transformer(quantised.inputs, text, quantised.maps.valid)
            result = scale_weighted_cross_entropy(logits, quantised.maps, self.spec)
            figures[f"{split}/loss{name}"] = result.loss
            figures[f"{split}/accuracy{name}"] = result.accuracy.mean()
            if flips is None:
                for k, (entropy, right) in enumerate(zip(result.cross_entropy, result.accuracy, strict=True)):
                    figures[f"{split}_scales/cross_entropy_{k:02d}"] = entropy
                    figures[f"{split}_scales/accuracy_{k:02d}"] = right
        self.log_dict(figures, on_step=False, on_epoch=True, batch_size=len(batch), sync_dist=True)

    @torch.no_grad()
    def sample(self, captions: list[str], frames: int, seed: int = 0) -> list[Motion]:
        """Generate a motion of `frames` frames for each caption of the data with the default sampling."""
        text = self.text_features(captions)
        lengths = torch.full((len(captions),), frames, device=self.device)
        generators = seeded_generators([seed + index for index in range(len(captions))])
        tokenizer = self.tokenizer
        result = generate(
            self.transformer, tokenizer.pyramid, text, lengths, generators=generators, **asdict(self.sampling)
        )
        return [self.to_motion(features[:frames]) for features in tokenizer.decode(result.latent, lengths)]

    def save_model(self, folder: str | Path, state: dict[str, Tensor], provenance: dict[str, Any]) -> None:
        """Write the model folder: both stages and the text encoder.

        Args:
            folder: where to.
            state: this module's state, or that of its running average.
            provenance: how the model came about.
        """
        save_folder(
            folder,
            facts=self.known_facts,
            spec=self.spec,
            tokenizer_arguments=self._tokenizer_arguments,
            tokenizer_state=self._frozen_tokenizer[0].state_dict(),
            ar_arguments=self.arguments,
            ar_state=under("transformer.", state),
            text=self.text_with(state),
            sampling=asdict(self.sampling),
            provenance=provenance,
        )
