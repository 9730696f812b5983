"""What visitors ask for, and doing several of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scalemogen.editing import EditRequest
from scalemogen.motion import Motion
from scalemogen.pipeline import TextToMotion

Made = tuple[Motion, dict[str, Any] | None]
"""A motion and, of an edit, the report."""


@dataclass(frozen=True)
class Options:
    """What every order may set; see `TextToMotion.generate`."""

    guidance: float | None = None
    temperature: float | None = None
    clean: bool = True


@dataclass(frozen=True)
class Sentence:
    """A motion of a sentence; see `TextToMotion.generate`."""

    text: str
    frames: int
    seed: int
    options: Options


@dataclass(frozen=True)
class Change:
    """An edit of a motion; see `TextToMotion.edit_with_report`."""

    motion: Motion
    request: EditRequest
    options: Options


@dataclass(frozen=True)
class Variation:
    """A motion like a given one; see `TextToMotion.vary`."""

    motion: Motion
    text: str
    keep_scales: int | None
    seed: int
    options: Options


@dataclass(frozen=True)
class Scene:
    """Sentences in a row; see `TextToMotion.stitch`."""

    texts: tuple[str, ...]
    seconds: tuple[float, ...]
    seed: int
    options: Options


@dataclass(frozen=True)
class Gap:
    """New frames between given ones; see `TextToMotion.inbetween`."""

    motion: Motion
    text: str
    keep: tuple[tuple[int, int], ...]
    seed: int
    options: Options


@dataclass(frozen=True)
class More:
    """A motion that goes on, to another one where that is given; see `TextToMotion.prolong` and `bridge`."""

    motion: Motion
    text: str
    seconds: float
    to: Motion | None
    seed: int
    options: Options


Order = Sentence | Change | Variation | Scene | Gap | More
Kind = tuple[type[Order], Options, int | None]


def kind_of(order: Order) -> Kind:
    """Return what orders must have in common to be done together; what is made piece by piece is done alone."""
    if isinstance(order, Scene | Gap | More):
        return type(order), order.options, id(order)
    return type(order), order.options, order.keep_scales if isinstance(order, Variation) else None


def fulfil(model: TextToMotion, orders: Sequence[Order]) -> list[Made]:
    """Do orders of one kind, together.

    Raises:
        UserError: the model refuses one of them.
    """
    options = asdict(orders[0].options)
    sentences = [order for order in orders if isinstance(order, Sentence)]
    if sentences:
        motions = model.generate(
            [order.text for order in sentences],
            frames=[order.frames for order in sentences],
            seed=[order.seed for order in sentences],
            batch_size=len(sentences),
            **options,
        )
        return [(motion, None) for motion in motions]
    changes = [order for order in orders if isinstance(order, Change)]
    if changes:
        done = model.edit_with_report(
            [order.motion for order in changes],
            [order.request for order in changes],
            **options,
        )
        return [(edited.motion, _brief(edited.report.to_dict())) for edited in done]
    variations = [order for order in orders if isinstance(order, Variation)]
    if variations:
        motions = model.vary_each(
            [order.motion for order in variations],
            [order.text for order in variations],
            [order.seed for order in variations],
            keep_scales=variations[0].keep_scales,
            **options,
        )
        return [(motion, None) for motion in motions]
    return [(_alone(model, order, options), None) for order in orders if isinstance(order, Scene | Gap | More)]


def _alone(model: TextToMotion, order: Scene | Gap | More, options: dict[str, Any]) -> Motion:
    if isinstance(order, Scene):
        return model.stitch(order.texts, order.seconds, seed=order.seed, **options)
    if isinstance(order, Gap):
        return model.inbetween(order.motion, order.text, order.keep, seed=order.seed, **options)
    if order.to is None:
        return model.prolong(order.motion, order.text, order.seconds, seed=order.seed, **options)
    return model.bridge(order.motion, order.to, order.text, order.seconds, seed=order.seed, **options)


def _brief(report: dict[str, Any]) -> dict[str, Any]:
    """Return a report without its figures of every frame."""
    moved = {part: {key: row[key] for key in ("mean", "most", "at")} for part, row in report["moved_cm"].items()}
    return {"kept_bits": report["kept_bits"], "moved_cm": moved, "path_cm": report["path_cm"]}
