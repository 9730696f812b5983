"""Making the missing frames of a timeline: in-betweening, prolonging and stitching are this with other gaps.

What is known is kept and serves as context: its latent cells are held at every scale, while coarse tokens that cover
known and unknown cells are drawn like the others and count for the unknown cells alone. A gap that does not fit into
one window is made piece by piece, each from the last cells of what came before.

Axis letters: T frames, F features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from einops import reduce
from torch import Tensor

from scalemogen.editing.blend import time_weights
from scalemogen.editing.editor import Editor, Window
from scalemogen.editing.take import neighbours

SEED_STEP = 7919
"""Between the seeds of neighbouring pieces, so that seeds 0, 1, 2 share none."""

LEAST_CONTEXT_CELLS = 4
"""Latent time cells that a window leaves for what its piece goes on from."""


@dataclass(frozen=True)
class Piece:
    """Frames first..last-1 of a timeline, to be made under one sentence."""

    first: int
    last: int
    text: str


def interpolate(features: Tensor, known: Tensor) -> Tensor:
    """Return features (T, F) whose unknown frames lie on straight lines between known ones; beyond the ends, as there.

    Args:
        features: (T, F).
        known: (T,) bool, at least one True.
    """
    before, after, share = neighbours(known)
    return torch.lerp(features[before], features[after], share[:, None].to(features))


def split_piece(piece: Piece, longest: int) -> list[Piece]:
    """Cut a piece of more than `longest` frames into equal ones."""
    count = -(-(piece.last - piece.first) // longest)
    edges = torch.linspace(piece.first, piece.last, count + 1, dtype=torch.float64).round().long().tolist()
    return [Piece(first, last, piece.text) for first, last in pairwise(edges)]


def known_cells(known: Tensor, size: int) -> Tensor:
    """Return (T,) bool, True where the latent cell of `size` frames that a frame is in is known by half or more."""
    cells = -(-len(known) // size)
    padded = torch.nn.functional.pad(known.float(), (0, cells * size - len(known)), value=float(known[-1]))
    share: Tensor = reduce(padded, "(n t) -> n", "mean", t=size)
    return (share >= 0.5).repeat_interleave(size)[: len(known)]


def fill(
    editor: Editor,
    features: Tensor,
    known: Tensor,
    pieces: Sequence[Piece],
    sampling: Mapping[str, float],
    *,
    context: int,
    blend: int,
    seed: int,
) -> Tensor:
    """Return the timeline's features with its pieces made, in their order.

    Args:
        editor: the model.
        features: (T, F) in their own units; what stands in unknown frames does not count.
        known: (T,) bool; every unknown frame lies in one piece.
        pieces: first to last.
        sampling: guidance and temperature.
        context: most frames before and after a piece that the model sees.
        blend: frames inside a piece over which it takes over from what is known before and gives way to what is after.
        seed: of the random numbers; each piece has its own.
    """
    cell, longest = editor.frames_per_cell, editor.max_frames
    there = known
    free = min(LEAST_CONTEXT_CELLS, longest // cell // 2) * cell
    cut = [part for piece in pieces for part in split_piece(piece, longest - (free if _joins(piece, known) else 0))]
    for number, piece in enumerate(cut):
        rows = _window(there, piece, context, longest, cell)
        given = there[rows]
        bridge = interpolate(features[rows], given) if bool(given.any()) else features[rows]
        region = ~known_cells(given, cell)[:, None].expand(-1, editor.parts)
        (drawn,) = editor.redraw([Window(bridge, piece.text, region, seed + number * SEED_STEP)], sampling)
        first, last = piece.first - rows.start, piece.last - rows.start
        share = time_weights(len(given), first, last, blend)
        made = torch.lerp(bridge, drawn.features, share[:, None].to(bridge))[first:last]
        features = torch.cat((features[: piece.first], made, features[piece.last :]))
        there = torch.cat((there[: piece.first], torch.ones(len(made), dtype=torch.bool), there[piece.last :]))
    return features


def _joins(piece: Piece, known: Tensor) -> bool:
    """Whether a piece has something to go on from or to lead to."""
    return piece.first > 0 or bool(known[piece.last : piece.last + 1].any())


def _window(there: Tensor, piece: Piece, context: int, longest: int, cell: int) -> slice:
    """Return the piece with unbroken known frames before and after it; half of the room each where both want more."""
    room = longest - (piece.last - piece.first)
    before = min(context, _run(there[: piece.first].flip(0)))
    after = min(context, _run(there[piece.last :]))
    before = min(before, max(room // 2, room - after))
    before -= before % cell if before < piece.first else 0
    return slice(piece.first - before, piece.last + min(after, room - before))


def _run(mask: Tensor) -> int:
    """Return how many True a mask begins with."""
    return int(mask.int().cumprod(0).sum())
