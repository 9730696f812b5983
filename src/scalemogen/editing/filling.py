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

from scalemogen.editing.blend import smoothstep
from scalemogen.editing.editor import Editor, Window

SEED_STEP = 7919
"""Between the seeds of neighbouring pieces, so that seeds 0, 1, 2 share none."""

LEAST_CONTEXT_CELLS = 4
"""Latent time cells before a piece that its window has room for."""


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
    index = torch.arange(len(features))
    places = known.nonzero()[:, 0]
    after = torch.searchsorted(places, index).clamp_max(len(places) - 1)
    before = (torch.searchsorted(places, index, right=True) - 1).clamp_min(0)
    low, high = places[before], places[after]
    share = ((index - low) / (high - low).clamp_min(1)).clamp(0.0, 1.0)
    return torch.lerp(features[low], features[high], share[:, None].to(features))


def split_pieces(pieces: Sequence[Piece], longest: int) -> list[Piece]:
    """Cut pieces longer than `longest` frames into equal ones."""
    result = []
    for piece in pieces:
        count = -(-(piece.last - piece.first) // longest)
        edges = torch.linspace(piece.first, piece.last, count + 1).round().int().tolist()
        result += [Piece(a, b, piece.text) for a, b in pairwise(edges)]
    return result


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
        blend: frames over which a piece takes over from one made before it.
        seed: of the random numbers; each piece has its own.
    """
    cell, longest = editor.frames_per_cell, editor.max_frames
    there = known
    for number, piece in enumerate(split_pieces(pieces, longest - least_context(longest, cell))):
        rows = _window(there, piece, context, longest, cell)
        given = there[rows]
        window = Window(
            interpolate(features[rows], given) if bool(given.any()) else features[rows],
            piece.text,
            ~known_cells(given, cell)[:, None].expand(-1, editor.parts),
            seed + number * SEED_STEP,
        )
        (drawn,) = editor.redraw([window], sampling)
        share = _share(len(known), piece, blend, there & ~known)
        new = torch.cat((features[: rows.start], drawn.features, features[rows.stop :]))
        features = torch.lerp(features, new, share[:, None].to(features))
        there = there | (share == 1.0)
    return features


def least_context(longest: int, cell: int) -> int:
    """Return the frames that every window leaves for what is known before its piece."""
    return min(LEAST_CONTEXT_CELLS, longest // cell // 2) * cell


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


def _share(frames: int, piece: Piece, blend: int, made: Tensor) -> Tensor:
    """Return (T,) the share of a new piece: 1 inside, rising to it over the `blend` made frames before."""
    index = torch.arange(frames)
    inside = ((index >= piece.first) & (index < piece.last)).double()
    rise = smoothstep((index - piece.first + blend + 1) / (blend + 1)) * (made & (index < piece.first))
    return torch.maximum(inside, rise)
