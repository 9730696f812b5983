"""Segments found at every offset: against a plain loop, and what is refused."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from scalemogen.errors import UserError
from scalemogen.metrics.functional import nearest_segments, segment_distance

SIZES, LENGTHS = torch.tensor([11, 3, 7]), torch.tensor([23, 5, 13, 11, 2])
JOINTS = 2


def clips(lengths: Tensor, frames: int, seed: int) -> Tensor:
    """Return (B, T, J, 3) of random joints, NaN outside."""
    values = torch.randn(len(lengths), frames, JOINTS, 3, generator=torch.Generator().manual_seed(seed)) + 5.0
    return values.masked_fill((torch.arange(frames) >= lengths[:, None])[..., None, None], math.nan)


def brute(piece: Tensor, clip: Tensor, step: int) -> list[float]:
    """Return the distance of a piece at every offset of a clip."""
    found = []
    for offset in range(len(clip) - len(piece) + 1):
        squares = [
            float((piece[at, joint].double() - clip[offset + at, joint].double()).square().sum())
            for at in range(0, len(piece), step)
            for joint in range(JOINTS)
        ]
        found.append(math.sqrt(sum(squares) / len(squares)))
    return found


@pytest.mark.parametrize("step", [1, 2, 3])
def test_every_offset_is_tried(step: int) -> None:
    pieces, others = clips(SIZES, 13, 0), clips(LENGTHS, 29, 1)
    found = nearest_segments(pieces, SIZES, others, LENGTHS, step=step)
    for at, size in enumerate(SIZES.tolist()):
        for number, length in enumerate(LENGTHS.tolist()):
            distances = brute(pieces[at, :size], others[number, :length], step)
            if not distances:
                assert float(found.distances[number, at]) == math.inf
                continue
            assert float(found.distances[number, at]) == pytest.approx(min(distances), rel=1e-5)
            assert int(found.offsets[number, at]) == distances.index(min(distances))
            segment = torch.full_like(pieces[at], math.nan)
            start = int(found.offsets[number, at])
            segment[:size] = others[number, start : start + size]
            exact = segment_distance(pieces[[at]], segment[None], SIZES[[at]], step=step)
            assert float(exact) == pytest.approx(min(distances), rel=1e-12)


def test_a_piece_of_a_clip_is_found_where_it_was() -> None:
    others = clips(LENGTHS, 29, 1)
    pieces = torch.stack([others[0, 12:23], others[2, 2:13], others[3, :11]])
    found = nearest_segments(pieces, torch.full((3,), 11), others, LENGTHS, step=2)
    assert found.distances.argmin(dim=0).tolist() == [0, 2, 3]
    assert [int(found.offsets[clip, at]) for at, clip in enumerate((0, 2, 3))] == [12, 2, 0]
    assert float(found.distances.amin(dim=0).max()) < 2e-3


def test_by_hand() -> None:
    piece, segment = torch.zeros(1, 2, 2, 3), torch.zeros(1, 2, 2, 3)
    segment[0, 0, 1] = torch.tensor([3.0, 4.0, 0.0])
    assert float(segment_distance(piece, segment, torch.tensor([2]))) == pytest.approx(2.5)  # sqrt(25 / 4)
    assert float(segment_distance(piece, segment, torch.tensor([1]))) == pytest.approx(math.sqrt(12.5))


def test_what_is_refused() -> None:
    pieces, others = clips(SIZES, 13, 0), clips(LENGTHS, 29, 1)
    broken = others.clone()
    broken[1, 4, 0, 2] = math.nan
    with pytest.raises(
        UserError, match="clips are not finite in 1 of 5 clips of the batch, first in clip 1 at frame 4"
    ):
        nearest_segments(pieces, SIZES, broken, LENGTHS)
    with pytest.raises(UserError, match="pieces of motion are not finite in 1 of 3"):
        nearest_segments(pieces, SIZES + torch.tensor([0, 1, 0]), others, LENGTHS)
    with pytest.raises(ValueError, match="two equal shapes"):
        segment_distance(pieces, pieces[:2], SIZES)
