"""Edits of whole motions: the window that the model sees, the new motion put into the given one, the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from scalemogen.editing.blend import blend, joint_weights, time_weights
from scalemogen.editing.editor import Redrawn, Window, time_region
from scalemogen.editing.parts import part_numbers
from scalemogen.editing.report import EditReport, measure
from scalemogen.editing.request import EditRequest
from scalemogen.editing.studio import Studio
from scalemogen.editing.take import Take, place
from scalemogen.errors import UserError
from scalemogen.motion import Motion

BATCH = 16
"""Most motions in one pass; the pass over the source attends to all tokens at once, guided and not."""


@dataclass(frozen=True)
class Edited:
    """An edited motion beside the one it was made of.

    Attributes:
        motion: the result, where the given motion stood.
        original: the given motion on the model's skeleton, at its frame rate.
        report: what was kept and what moved.
    """

    motion: Motion
    original: Motion
    report: EditReport


@dataclass(frozen=True)
class _Plan:
    """Where one edit takes place: frames first..last-1 of a take may change, and the model sees start..stop-1."""

    first: int
    last: int
    start: int
    stop: int
    parts: frozenset[int]


def run_edits(
    studio: Studio,
    takes: Sequence[Take],
    requests: Sequence[EditRequest],
) -> list[Edited]:
    """Edit motions, those that share γ and τ in common batches.

    Args:
        studio: the model.
        takes: motions.
        requests: one a motion.

    Raises:
        UserError: unknown parts; frames outside the motion; a motion too short, or too long without frames; γ, guidance
            or temperature out of range; a sentence too long.
    """
    plans = [_plan(studio, take, request) for take, request in zip(takes, requests, strict=True)]
    rules: dict[tuple[int, float | None], list[int]] = {}
    for row, request in enumerate(requests):
        rules.setdefault(request.rule(studio.editor.scales), []).append(row)
    drawn: dict[int, Redrawn] = {}
    for (gamma, tau), members in rules.items():
        for first in range(0, len(members), BATCH):
            rows = members[first : first + BATCH]
            windows = [_window(studio, takes[row], requests[row], plans[row]) for row in rows]
            drawn.update(zip(rows, studio.editor.redraw(windows, studio.sampling, gamma=gamma, tau=tau), strict=True))
    return [
        _finish(studio, take, request, plan, drawn[row])
        for row, (take, request, plan) in enumerate(zip(takes, requests, plans, strict=True))
    ]


def _plan(studio: Studio, take: Take, request: EditRequest) -> _Plan:
    """Choose the window: all of a motion that the model can take, else what surrounds the frames that may change."""
    editor, facts = studio.editor, studio.facts
    parts = part_numbers(facts.skeleton, request.parts)
    total, longest, cell, fps = len(take.features), editor.max_frames, editor.frames_per_cell, facts.fps
    if total < cell:
        raise UserError(
            f"a motion of {total / fps:.2f} seconds is too short; this model edits {cell / fps:.2f} or more"
        )
    first, last = take.frames(*request.frames) if request.frames else (0, total)
    if last - first > longest:
        what = "the frames to edit span" if request.frames else "the motion has"
        raise UserError(
            f"{what} {(last - first) / fps:.2f} seconds; this model edits at most {longest / fps:.2f} at a time:"
            " give a range of frames"
        )
    start = min(max(0, (first + last - longest) // 2), max(0, total - longest))
    start = min(start + (first - start) % cell, first) if total > longest else 0
    return _Plan(first, last, start, min(total, start + longest), parts)


def _window(studio: Studio, take: Take, request: EditRequest, plan: _Plan) -> Window:
    size = plan.stop - plan.start
    region = time_region(size, plan.first - plan.start, plan.last - plan.start, plan.parts, studio.editor.parts)
    return Window(take.features[plan.start : plan.stop], request.text, region, request.seed, request.source_text)


def _finish(studio: Studio, take: Take, request: EditRequest, plan: _Plan, drawn: Redrawn) -> Edited:
    """Put the new motion into the given one, and compare."""
    layout, skeleton, fps = studio.layout, studio.facts.skeleton, studio.facts.fps
    total = len(take.features)
    new = torch.cat((take.features[: plan.start], drawn.features, take.features[plan.stop :]))
    if request.compose:
        over_time = time_weights(total, plan.first, plan.last, studio.blend_frames)
        weights = joint_weights(skeleton, plan.parts, over_time)
    else:
        index = torch.arange(total)
        shown = ((index >= plan.start) & (index < plan.stop)).double()
        weights = joint_weights(skeleton, part_numbers(skeleton, None), shown)
    before = blend(layout, skeleton, fps, take.features, new, torch.zeros_like(weights))
    after = blend(layout, skeleton, fps, take.features, new, weights, take.features if request.stay else None)
    if request.compose:
        after = replace(after, motion=studio.cleaned(after.motion, weights))
    report = measure(before, after, drawn.kept)
    result, original = (place(blended.motion, before.motion, take.motion) for blended in (after, before))
    return Edited(result, original, report)
