"""What visitors ask for, and doing several of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from scalemogen.editing import EditRequest
from scalemogen.motion import Motion
from scalemogen.pipeline import TextToMotion

Made = tuple[Motion, dict[str, Any] | None]
"""A motion and, of an edit, the report."""


@dataclass(frozen=True)
class Sentence:
    """A motion of a sentence; see `TextToMotion.generate`."""

    text: str
    frames: int
    seed: int
    guidance: float | None = None
    temperature: float | None = None


@dataclass(frozen=True)
class Change:
    """An edit of a motion; see `TextToMotion.edit_with_report`."""

    motion: Motion
    request: EditRequest
    guidance: float | None = None
    temperature: float | None = None


@dataclass(frozen=True)
class Scene:
    """Sentences in a row; see `TextToMotion.stitch`."""

    texts: tuple[str, ...]
    seconds: tuple[float, ...]
    seed: int
    guidance: float | None = None
    temperature: float | None = None


@dataclass(frozen=True)
class Gap:
    """New frames between given ones; see `TextToMotion.inbetween`."""

    motion: Motion
    text: str
    keep: tuple[tuple[int, int], ...]
    seed: int
    guidance: float | None = None
    temperature: float | None = None


class _Sampling(TypedDict):
    guidance: float | None
    temperature: float | None


Order = Sentence | Change | Scene | Gap
Kind = tuple[type[Order], float | None, float | None, int | None]


def kind_of(order: Order) -> Kind:
    """Return what orders must have in common to be done together; scenes and gaps are done one by one."""
    alone = id(order) if isinstance(order, Scene | Gap) else None
    return type(order), order.guidance, order.temperature, alone


def fulfil(model: TextToMotion, orders: Sequence[Order]) -> list[Made]:
    """Do orders of one kind, together.

    Raises:
        UserError: the model refuses one of them.
    """
    sampling: _Sampling = {"guidance": orders[0].guidance, "temperature": orders[0].temperature}
    sentences = [order for order in orders if isinstance(order, Sentence)]
    if sentences:
        motions = model.generate(
            [order.text for order in sentences],
            frames=[order.frames for order in sentences],
            seed=[order.seed for order in sentences],
            batch_size=len(sentences),
            **sampling,
        )
        return [(motion, None) for motion in motions]
    scenes = [order for order in orders if isinstance(order, Scene)]
    if scenes:
        return [(model.stitch(order.texts, order.seconds, seed=order.seed, **sampling), None) for order in scenes]
    gaps = [order for order in orders if isinstance(order, Gap)]
    if gaps:
        return [
            (model.inbetween(order.motion, order.text, order.keep, seed=order.seed, **sampling), None) for order in gaps
        ]
    changes = [order for order in orders if isinstance(order, Change)]
    done = model.edit_with_report(
        [order.motion for order in changes],
        [order.request for order in changes],
        **sampling,
    )
    return [(edited.motion, _brief(edited.report.to_dict())) for edited in done]


def _brief(report: dict[str, Any]) -> dict[str, Any]:
    """Return a report without its figures of every frame."""
    moved = {part: {key: row[key] for key in ("mean", "most", "at")} for part, row in report["moved_cm"].items()}
    return {"kept_bits": report["kept_bits"], "moved_cm": moved, "path_cm": report["path_cm"]}
