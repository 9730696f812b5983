"""A whole evaluation: the model, the evaluator and the data checked against each other, then split by split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scalemogen.errors import UserError
from scalemogen.evaluation.breakdown import labels_of
from scalemogen.evaluation.copies import CopyCheck
from scalemogen.evaluation.examples import EXAMPLES, Example
from scalemogen.evaluation.gauge import Gauge
from scalemogen.evaluation.intervals import DEFINITION
from scalemogen.evaluation.neighbours import Reference
from scalemogen.evaluation.split import Settings, SplitEvaluation
from scalemogen.evaluation.subject import Subject
from scalemogen.evaluators import Evaluator

FORMAT = 1
KIND = "scalemogen evaluation"


@dataclass(frozen=True)
class Evaluated:
    """The outcome of an evaluation, the same on every process.

    Attributes:
        result: "format", "kind", "protocol", "settings", "interval" and "splits": plain values, complete but for the
            origins of model, data, evaluator and run (`origin`).
        examples: motions of each split to look at.
    """

    result: dict[str, Any]
    examples: dict[str, list[Example]]


def evaluate(subject: Subject, evaluator: Evaluator, splits: Sequence[str], settings: Settings) -> Evaluated:
    """Measure a model on splits of a store.

    Args:
        subject: the model and the store.
        evaluator: on the subject's device.
        splits: names, each once.
        settings: how.

    Raises:
        UserError: no repeats; an evaluator for other data; a split that is not there, or has too few clips for the
            protocol; motions that are not finite.
    """
    store = subject.store
    if settings.repeats < 1:
        raise UserError(f"{settings.repeats} repeats: at least one is needed, 20 are usual")
    evaluator.require(store.facts, str(store.path))
    gauge, labels = Gauge(evaluator, store.facts), labels_of(store)
    reference = Reference(store, subject.max_frames, settings.batching)
    copies = CopyCheck(subject, settings.batching)
    parts = {
        split: SplitEvaluation(subject, gauge, settings, split, labels=labels, reference=reference, copies=copies)
        for split in dict.fromkeys(splits)
    }
    result = {
        "format": FORMAT,
        "kind": KIND,
        "protocol": settings.protocol.to_dict(),
        "settings": {
            "repeats": settings.repeats,
            "seed": settings.seed,
            "guidance": subject.guidance if subject.generates else None,
            "temperature": subject.temperature if subject.generates else None,
            "multimodality": settings.multimodality,
            "batch_size": settings.batching.size,
        },
        "interval": {"definition": DEFINITION, "n": settings.repeats},
        "splits": {split: part.run() for split, part in parts.items()},
    }
    return Evaluated(result, {split: part.examples(EXAMPLES) for split, part in parts.items()})
