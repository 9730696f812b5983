"""Timelines with gaps made into motions: in-betweening, bridging, prolonging, stitching; and variations of a motion."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from scalemogen.editing.blend import blend, joint_weights, runs_of
from scalemogen.editing.editor import Window
from scalemogen.editing.filling import Piece, fill
from scalemogen.editing.request import check_ranges
from scalemogen.editing.studio import Studio
from scalemogen.editing.take import Take, place, with_gaps
from scalemogen.errors import UserError
from scalemogen.motion import Motion, make_rigid


def inbetween(studio: Studio, take: Take, text: str, keep: Sequence[tuple[int, int]], seed: int) -> Motion:
    """Make all frames of a take anew but those in `keep`, which stay where they are.

    Raises:
        UserError: nothing or everything is kept, a range is shorter than a latent cell or not in the motion; see
            `Take.frames`.
    """
    known = torch.zeros(len(take.features), dtype=torch.bool)
    check_ranges(keep)
    for first, last in keep:
        start, stop = take.frames(first, last)
        if stop - start < studio.editor.frames_per_cell:
            least = studio.editor.frames_per_cell / studio.facts.fps
            raise UserError(f"frames {first}:{last} are less than {least:.2f} seconds, too few to lead a motion")
        known = known | _range(len(known), start, stop)
    if not keep or bool(known.all()):
        raise UserError(f"{'all' if keep else 'no'} frames are kept; say which to keep, such as 0:20 and 60:80")
    take = with_gaps(take, known, studio.facts)
    pieces = [Piece(*run, text) for run in runs_of(~known)]
    made = _fill(studio, take.features, known, pieces, context=studio.editor.max_frames, seed=seed)
    return _join(studio, take.features, made, known, take, anchored=True)


def bridge(studio: Studio, first: Take, second: Take, text: str, frames: int, seed: int) -> Motion:
    """Lead from the end of one motion to the start of another by `frames` new ones.

    The second motion is moved and turned to where the new frames end.
    """
    gap = first.features.new_zeros(frames, first.features.shape[1])
    features = torch.cat((first.features, gap, second.features))
    start = len(first.features)
    known = ~_range(len(features), start, start + frames)
    pieces = [Piece(start, start + frames, text)]
    made = _fill(studio, features, known, pieces, context=studio.editor.max_frames, seed=seed)
    return _join(studio, features, made, known, first)


def prolong(studio: Studio, take: Take, text: str, frames: int, seed: int) -> Motion:
    """Let a motion go on for `frames` more."""
    start = len(take.features)
    features = torch.cat((take.features, take.features.new_zeros(frames, take.features.shape[1])))
    known = _range(len(features), 0, start)
    pieces = [Piece(start, start + frames, text)]
    made = _fill(studio, features, known, pieces, context=studio.context_frames, seed=seed)
    return _join(studio, features, made, known, take)


def stitch(studio: Studio, texts: Sequence[str], frames: Sequence[int], seed: int) -> Motion:
    """Make one motion of several sentences, one after the other."""
    edges = torch.tensor([0, *frames]).cumsum(0).tolist()
    pieces = [Piece(*piece) for piece in zip(edges[:-1], edges[1:], texts, strict=True)]
    features = torch.zeros(edges[-1], len(studio.facts.mean))
    known = torch.zeros(edges[-1], dtype=torch.bool)
    made = _fill(studio, features, known, pieces, context=studio.context_frames, seed=seed)
    return studio.cleaned(make_rigid(studio.layout.to_motion(made, studio.facts.skeleton, studio.facts.fps)))


def vary(
    studio: Studio, takes: Sequence[Take], texts: Sequence[str], keep_scales: int, seeds: Sequence[int]
) -> list[Motion]:
    """Draw all but the coarsest scales of each motion anew, in one batch; each result starts where its motion does.

    Raises:
        UserError: a motion is longer than the model's longest; `keep_scales` out of range.
    """
    editor, facts, layout = studio.editor, studio.facts, studio.layout
    windows = []
    for take, text, seed in zip(takes, texts, seeds, strict=True):
        if len(take.features) > editor.max_frames:
            seconds, longest = len(take.features) / facts.fps, editor.max_frames / facts.fps
            raise UserError(f"a motion of {seconds:.2f} seconds; this model varies motions of at most {longest:.2f}")
        region = torch.ones(len(take.features), editor.parts, dtype=torch.bool)
        windows.append(Window(take.features, text, region, seed))
    varied = []
    for take, drawn in zip(takes, editor.redraw(windows, studio.sampling, gamma=keep_scales), strict=True):
        start = layout.to_motion(take.features[:1], facts.skeleton, facts.fps)
        made = make_rigid(layout.to_motion(drawn.features, facts.skeleton, facts.fps))
        varied.append(place(studio.cleaned(made), start, take.motion))
    return varied


def _fill(
    studio: Studio, features: Tensor, known: Tensor, pieces: Sequence[Piece], *, context: int, seed: int
) -> Tensor:
    return fill(
        studio.editor,
        features,
        known,
        pieces,
        studio.sampling,
        context=context,
        blend=studio.blend_frames,
        seed=seed,
    )


def _join(studio: Studio, features: Tensor, made: Tensor, known: Tensor, take: Take, anchored: bool = False) -> Motion:
    """Return the motion of a timeline, with the known frames exactly as they were, where `take` stood."""
    layout, skeleton, fps = studio.layout, studio.facts.skeleton, studio.facts.fps
    weights = joint_weights(skeleton, range(len(skeleton.parts)), (~known).double())
    result = blend(layout, skeleton, fps, made, made, weights, features if anchored else None).motion
    return place(studio.cleaned(result, weights), layout.to_motion(features[:1], skeleton, fps), take.motion)


def _range(frames: int, start: int, stop: int) -> Tensor:
    index = torch.arange(frames)
    return (index >= start) & (index < stop)
