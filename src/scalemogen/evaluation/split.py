"""One split of the data under one protocol: rows of real, reconstructed and generated motions, repeat by repeat.

What does not depend on the repeat is computed once: embeddings and figures of real motions and reconstructions of the
same windows, and embeddings of the same sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import torch
from einops import rearrange
from torch import Tensor

from scalemogen.evaluation.attributes import check_facts, fact_scores, has_facts
from scalemogen.evaluation.breakdown import Labels, break_down
from scalemogen.evaluation.columns import COLUMNS
from scalemogen.evaluation.copies import BITS, CopyCheck, memorisation, signed_bits
from scalemogen.evaluation.draws import Draws, Item, Window, seed_of
from scalemogen.evaluation.examples import Example
from scalemogen.evaluation.gauge import Gauge
from scalemogen.evaluation.intervals import figures
from scalemogen.evaluation.neighbours import Reference
from scalemogen.evaluation.preservation import curve, deviations
from scalemogen.evaluation.protocols import Protocol
from scalemogen.evaluation.samples import Batching, Remembered, Samples
from scalemogen.evaluation.scores import Pairs, Scoring
from scalemogen.evaluation.subject import Request, Subject
from scalemogen.evaluation.tokens import TokenCount
from scalemogen.metrics import reconstruction_weights
from scalemogen.metrics.functional import caption_groups, gallery_retrieval

J = TypeVar("J")
Sentence = tuple[str, str | None]
"""A caption, and the same with parts of speech where the data has them."""

REAL, RECONSTRUCTION, GENERATED = "real", "reconstruction", "generated"
FRAMES, NEAREST = "frames", "nearest"
TAGGED = "tagged"
"""Attribute of a clip: its captions as \"word/POS word/POS\", in their order."""

RANKS = (1, 2, 3, 5, 10)


@dataclass(frozen=True)
class Settings:
    """What an evaluation is asked for.

    Attributes:
        protocol: how.
        repeats: how often everything that is drawn is drawn.
        seed: of all draws.
        multimodality: whether motions are generated for it alone; on a small split that is most of the work.
        batching: how motions are put together; the numbers depend on it in their last digits only.
    """

    protocol: Protocol
    repeats: int = 20
    seed: int = 0
    multimodality: bool = True
    batching: Batching = field(default_factory=Batching)


@dataclass(frozen=True)
class Row:
    """A row of the table in one repeat.

    Attributes:
        scores: its figures by name.
        pairs: how well motions and sentences fit.
        nearest: (N,) numbers of the nearest training windows.
        bits: `signed_bits` of generated motions, in the first repeat alone.
    """

    scores: dict[str, float]
    pairs: Pairs
    nearest: Tensor
    bits: Tensor | None = None


class SplitEvaluation:
    """Measures one split.

    Args:
        subject: the model and the data.
        gauge: what is measured.
        settings: how.
        split: which one.
        labels: of the store's clips.
        reference: the training clips.
        copies: their bits.

    Raises:
        UserError: no such split, or too few clips in it for the protocol.
    """

    def __init__(
        self,
        subject: Subject,
        gauge: Gauge,
        settings: Settings,
        split: str,
        *,
        labels: Labels,
        reference: Reference,
        copies: CopyCheck,
    ) -> None:
        protocol = settings.protocol
        self._subject, self._gauge, self._settings, self._split = subject, gauge, settings, split
        self._labels, self._reference = labels, reference
        self._facts = has_facts(subject.store, split)
        self._draws = Draws(
            subject.store, split, protocol, settings.seed, max_frames=subject.max_frames, min_frames=subject.min_frames
        )
        self._items = [self._draws.repeat(number) for number in range(settings.repeats)]
        same = protocol.crop == "centre" and not protocol.unit_drop
        self._real = Remembered(self._measure_real, keep=same)
        self._rebuilt = Remembered(self._measure_rebuilt, keep=same)
        self._texts = Remembered(self._embed_texts)
        self._made_tokens = TokenCount(subject.scales, subject.bits)
        self._copies = copies

    def run(self) -> dict[str, Any]:
        """Measure everything; returns plain values.

        Raises:
            UserError: motions that are not finite, or too few for a metric.
        """
        items = self._items
        rows = [self._repeat(number, drawn) for number, drawn in enumerate(items)]
        real = self._embed_real(_windows(items[0]))
        names = list(rows[0])
        severals = self._settings.multimodality and self._subject.generates
        clips = [[item.window.clip for item in drawn] for drawn in items]
        per_row = {name: [(row[name].pairs, row[name].nearest) for row in rows] for name in names}
        return {
            "clips": len(items[0]),
            "left_out": asdict(self._draws.left),
            "cut_to_frames": self._draws.cut_to,
            "embedding_width": real["distribution"].shape[1],
            "diversity_pairs": self._settings.protocol.diversity_pairs_of(len(items[0])),
            "multimodality_texts": min(self._settings.protocol.texts, len(items[0])) if severals else None,
            "real_against": self._settings.protocol.real_against,
            "rows": {name: _ordered(figures([row[name].scores for row in rows])) for name in names},
            "retrieval": self._retrieval(items[0], real["matching"]),
            "breakdown": {
                label: break_down(values, clips, per_row, [values[window.clip] for window in self._reference.windows])
                for label, values in self._labels.items()
            },
            "memorisation": self._memorisation(rows[0], items[0]),
            **self._scales(),
        }

    def examples(self, count: int) -> list[Example]:
        """Return the motions of some items of the first repeat, evenly spread over it: chosen by no eye."""
        drawn = self._items[0]
        count = min(count, len(drawn))
        items = [drawn[at * len(drawn) // count] for at in range(count)]
        subject, windows = self._subject, _windows(items)
        features, _ = subject.real(windows)
        sets = {REAL: features, RECONSTRUCTION: subject.rebuild(windows).features[-1]}
        if subject.generates:
            sets[GENERATED] = subject.generate([self.request(item, "motion", 0) for item in items])[0]
        sizes = [window.frames for window in windows]
        motions = {name: subject.to_motions(made, sizes) for name, made in sets.items()}
        return [
            Example(item.caption, {name: made[at] for name, made in motions.items()}) for at, item in enumerate(items)
        ]

    def _repeat(self, number: int, items: list[Item]) -> dict[str, Row]:
        """Return the rows of a repeat."""
        settings, generates = self._settings, self._subject.generates
        distance = settings.protocol.distance or self._gauge.evaluator.distance
        scoring = Scoring(settings.protocol, distance, settings.seed, self._split, number)
        captions = [item.caption for item in items]
        texts, pools = self._texts(self._sentences(items))["matching"], scoring.pools(captions)
        real, rebuilt = self._real(_windows(items)), self._rebuilt(_windows(items))
        redrawn = real
        if settings.protocol.real_against == "redrawn":
            redrawn = self._embed_real(_windows(self._draws.repeat(number, "redrawn")))
        sets = {REAL: real, RECONSTRUCTION: rebuilt}
        if generates:
            sets[GENERATED] = self._generate(number, items)
        rows = {}
        for name, motions in sets.items():
            pairs = scoring.pairs(texts, motions["matching"], pools)
            embedded = motions["distribution"]
            scores = pairs.scores() | scoring.diversity(embedded) | _means(motions)
            if name == REAL:
                scores |= scoring.real_distribution(embedded, redrawn["distribution"])
            else:
                scores |= scoring.distribution(embedded, real["distribution"])
            if name == GENERATED and settings.multimodality:
                scores |= scoring.multimodality(self._several(number, items))
            rows[name] = Row(scores, pairs, motions[NEAREST], motions.get(BITS))
        return rows

    def _measure_real(self, windows: list[Window]) -> Samples:
        def work(batch: list[Window]) -> Samples:
            features, lengths = self._subject.real(batch)
            return self._measure(features, lengths, [window.clip for window in batch])

        return self._in_batches(windows, [window.frames for window in windows], work, "real motions")

    def _embed_real(self, windows: list[Window]) -> Samples:
        """Return the embeddings alone, of windows that come once; where they come again, they are remembered."""
        if self._real.keep:
            return self._real(windows)

        def work(batch: list[Window]) -> Samples:
            return self._gauge.embed(*self._subject.real(batch))

        return self._in_batches(windows, [window.frames for window in windows], work, "real motions")

    def _measure_rebuilt(self, windows: list[Window]) -> Samples:
        def work(batch: list[Window]) -> Samples:
            target, lengths = self._subject.real(batch)
            features = self._subject.rebuild(batch).features[-1]
            found = self._measure(features, lengths, [window.clip for window in batch])
            return found | self._gauge.errors(features, target, lengths)

        return self._in_batches(windows, [window.frames for window in windows], work, "reconstructions")

    def _generate(self, number: int, items: list[Item]) -> Samples:
        def work(batch: list[tuple[int, Request]]) -> Samples:
            features, lengths, maps = self._subject.generate([request for _, request in batch])
            self._made_tokens.update(maps)
            bits = {} if number else {BITS: signed_bits(maps, self._subject.bundle.spec)}
            return self._measure(features, lengths, [clip for clip, _ in batch]) | bits

        jobs = [(item.window.clip, self.request(item, "motion", number)) for item in items]
        label = f"{self._split}: motions, repeat {number + 1} of {self._settings.repeats}"
        return self._in_batches(jobs, [request.frames for _, request in jobs], work, label)

    def _several(self, number: int, items: list[Item]) -> Tensor:
        """Return embeddings (texts, samples, E) of several motions of each of some sentences."""
        protocol = self._settings.protocol
        generator = torch.Generator().manual_seed(seed_of(self._settings.seed, "texts", self._split, number))
        chosen = torch.randperm(len(items), generator=generator)[: protocol.texts].tolist()
        jobs = [self.request(items[at], "several", number, copy) for at in chosen for copy in range(protocol.samples)]

        def work(batch: list[Request]) -> Samples:
            features, lengths, _ = self._subject.generate(batch)
            return {"distribution": self._gauge.embed(features, lengths)["distribution"]}

        label = f"{self._split}: several of one sentence, repeat {number + 1} of {self._settings.repeats}"
        made = self._in_batches(jobs, [request.frames for request in jobs], work, label)["distribution"]
        return rearrange(made, "(t s) e -> t s e", s=protocol.samples)

    def request(self, item: Item, purpose: str, *number: int) -> Request:
        """Return the motion that is generated for an item; its seed depends on the clip, not on its place."""
        clip = self._subject.store.ids[item.window.clip]
        return Request(
            item.caption, item.window.frames, seed_of(self._settings.seed, purpose, self._split, clip, *number)
        )

    def _measure(self, features: Tensor, lengths: Tensor, clips: Sequence[int]) -> Samples:
        """Return all that is kept of motions that the captions of `clips` describe."""
        gauge, subject = self._gauge, self._subject
        found = {FRAMES: lengths} | gauge.embed(features, lengths) | gauge.plausibility(features, lengths)
        near = self._reference.nearest(gauge.describe(features, lengths), clips)
        found[NEAREST] = near.indices[:, 0]
        if self._facts:
            found |= check_facts(subject.store, subject.to_motions(features, lengths.tolist()), clips)
        return found

    def _embed_texts(self, sentences: list[Sentence]) -> Samples:
        def work(batch: list[Sentence]) -> Samples:
            tags = [tagged for _, tagged in batch if tagged is not None]
            texts = [text for text, _ in batch]
            return {"matching": self._gauge.evaluator.embed_texts(texts, tags if len(tags) == len(texts) else None)}

        return self._in_batches(sentences, [len(text) for text, _ in sentences], work, "sentences")

    def _sentences(self, items: list[Item]) -> list[Sentence]:
        """Return the captions, with parts of speech where the clips have them."""
        tags = [self._subject.store.attributes(item.window.clip).get(TAGGED) for item in items]
        return [
            (item.caption, tagged[item.choice] if isinstance(tagged, list) else None)
            for item, tagged in zip(items, tags, strict=True)
        ]

    def _retrieval(self, items: list[Item], motions: Tensor) -> dict[str, Any]:
        """Return how the evaluator finds real motions (N, E), all against all; equal captions count alike."""
        captions = [item.caption for item in items]
        found = gallery_retrieval(
            self._texts(self._sentences(items))["matching"],
            motions,
            distance=self._settings.protocol.distance or self._gauge.evaluator.distance,
            groups=caption_groups(captions),
            ranks=RANKS,
        )
        directions = {"text_to_motion": found.text_to_motion, "motion_to_text": found.motion_to_text}
        return {"motions": len(items), "different_captions": len(set(captions))} | {
            name: {f"r{k}": float(share) for k, share in zip(RANKS, one.recall, strict=True)}
            | {"median_rank": float(one.median_rank)}
            for name, one in directions.items()
        }

    def _memorisation(self, row: dict[str, Row], items: list[Item]) -> dict[str, Any] | None:
        """Return how many bits the generated motions of a repeat share with training clips, None where there are none.

        Beside them stand the clips of the same items, each not compared with itself, and copies of as many clips.
        """
        made = row[GENERATED].bits if GENERATED in row else None
        if made is None:
            return None
        check, windows = self._copies, _windows(items)
        held = check.bits(windows, f"{self._split}: bits")
        copied = check.copies(len(items), seed_of(self._settings.seed, "copies", self._split))
        none = [-1] * len(items)
        return memorisation(
            check.shared(made, none),
            check.shared(held, [window.clip for window in windows]),
            check.shared(copied, none[: len(copied)]),
        )

    def _scales(self) -> dict[str, Any]:
        """Return how the tokenizer keeps the skeleton after every scale, and how maps use their bits."""
        subject, tokens = self._subject, TokenCount(self._subject.scales, self._subject.bits)
        windows = self._draws.windows()
        label = f"{self._split}: scale by scale"
        found = deviations(subject, windows, self._settings.batching, label, tokens)
        usage = {RECONSTRUCTION: tokens.result()}
        if subject.generates:
            usage[GENERATED] = self._made_tokens.result()
        frames = torch.tensor([window.frames for window in windows])
        curves = {name: curve(values, frames) for name, values in found.items()}
        return {"preservation": {"clips": len(windows), **curves}, "tokens": usage}

    def _in_batches(self, jobs: list[J], sizes: list[int], work: Callable[[list[J]], Samples], label: str) -> Samples:
        return self._settings.batching.run(jobs, sizes, work, label)


def _windows(items: Sequence[Item]) -> list[Window]:
    return [item.window for item in items]


def _means(motions: Samples) -> dict[str, float]:
    """Return the means over motions, of errors over what they were measured on; what is NaN is left out."""
    scores, weights = {}, reconstruction_weights(motions[FRAMES])
    for name in COLUMNS:
        if name in motions:
            values = motions[name].double()
            share = weights.get(name, torch.ones_like(values)) * ~values.isnan()
            scores[name] = float((share * values.nan_to_num()).sum() / share.sum())
    return scores | fact_scores(motions) if "held" in motions else scores


def _ordered(values: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in COLUMNS if name in values}
