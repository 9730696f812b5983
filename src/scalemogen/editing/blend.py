"""Putting new motion into a given one: in rotations, along one path, with nothing moved that was not to change.

A decoder mixes neighbouring parts and moments, so what it makes of unchanged tokens changes a little beside changed
ones, and it loses detail that the tokens do not hold. Here the given motion itself is taken wherever nothing was to
change. Axis letters: T frames, J joints, F features.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from scalemogen.motion import FeatureLayout, Motion, make_rigid
from scalemogen.motion.layouts.base import ROOT
from scalemogen.motion.rotations import about_y, multiply, slerp, turn_about_y
from scalemogen.skeletons import Skeleton


@dataclass(frozen=True)
class Blended:
    """A motion, and where the body of each frame faces.

    Attributes:
        motion: starts over the origin.
        heading: (T,) radians, of the feature layout.
    """

    motion: Motion
    heading: Tensor


def smoothstep(x: Tensor) -> Tensor:
    """Return 0 below 0, 1 above 1, and a curve without corners between."""
    x = x.clamp(0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def time_weights(frames: int, start: int, stop: int, blend: int) -> Tensor:
    """Return (T,) the share of new motion: 0 outside start..stop-1, rising to 1 over at most `blend` frames inside.

    At the ends of the motion there is nothing to come from or to go to, hence no rise. In a short range the rise
    takes a third of it.
    """
    index = torch.arange(frames, dtype=torch.float64)
    width = min(blend, (stop - start) // 3) + 1
    rise = smoothstep((index - start + 1) / width) if start > 0 else torch.ones_like(index)
    fall = smoothstep((stop - index) / width) if stop < frames else torch.ones_like(index)
    return torch.minimum(rise, fall) * ((index >= start) & (index < stop))


def joint_weights(skeleton: Skeleton, parts: Collection[int], over_time: Tensor) -> Tensor:
    """Return (T, J) the share of new motion: `over_time` (T,) for the joints of `parts`, 0 for the others."""
    chosen = torch.tensor([part in parts for part in skeleton.part_of], dtype=over_time.dtype)
    return over_time[:, None] * chosen


def blend(
    layout: FeatureLayout,
    skeleton: Skeleton,
    fps: float,
    source: Tensor,
    new: Tensor,
    weights: Tensor,
    anchor: Tensor | None = None,
) -> Blended:
    """Return the source with new motion put in, joint by joint and frame by frame.

    Joints turn within their parents, so an arm hangs on the trunk that it has in this frame. The root's path is put
    together from steps and turns: after frames whose steps are new it goes on from where they end, without a jump.

    Args:
        layout: of the features.
        skeleton: their joints.
        fps: their rate.
        source: (T, F) features of a motion whose bones are the skeleton's, in their own units.
        new: (T, F) features that a decoder made.
        weights: (T, J) share of the new motion.
        anchor: (T, F) features whose path the frames without new motion keep; the path between is bent to reach it.
    """
    given = layout.to_motion(source, skeleton, fps)
    heading, path = layout.root_path(source.double())
    rotations, tilt = given.rotations.double(), _tilt(given, heading)
    runs = runs_of(weights.amax(1) > 0)
    if runs:
        rows = slice(runs[0][0], runs[-1][1])
        made = make_rigid(layout.to_motion(new[rows], skeleton, fps))
        made_heading, _ = layout.root_path(new[rows].double())
        share = weights[rows, :, None].double()
        turned = slerp(rotations[rows], made.rotations.double(), share)
        leant = slerp(tilt[rows], _tilt(made, made_heading), share[:, 0])
        steps = torch.lerp(source[rows, :ROOT].double(), new[rows, :ROOT].double(), share[:, 0])
        rotations, tilt = _with_rows(rotations, rows, turned), _with_rows(tilt, rows, leant)
        root = _with_rows(source[:, :ROOT].double(), rows, steps)
        heading, path = layout.root_path(root) if anchor is None else _bend(layout, root, anchor, runs)
    turns = multiply(about_y(heading), tilt)
    rotations = torch.cat((turns[:, None], rotations[:, 1:]), dim=1)
    return Blended(Motion.from_rotations(skeleton, rotations, path, fps), heading)


def runs_of(mask: Tensor) -> list[tuple[int, int]]:
    """Return (first, after the last) of each unbroken run of True in a mask (T,)."""
    edges = torch.nn.functional.pad(mask.int(), (1, 1)).diff()
    starts, stops = (edges == 1).nonzero()[:, 0].tolist(), (edges == -1).nonzero()[:, 0].tolist()
    return list(zip(starts, stops, strict=True))


def _with_rows(values: Tensor, rows: slice, new: Tensor) -> Tensor:
    return torch.cat((values[: rows.start], new, values[rows.stop :]))


def _tilt(motion: Motion, heading: Tensor) -> Tensor:
    """Return (T, 4) the root's rotation within the heading frame."""
    return multiply(about_y(-heading), motion.rotations[:, 0].double())


def _bend(
    layout: FeatureLayout, root: Tensor, anchor: Tensor, runs: Sequence[tuple[int, int]]
) -> tuple[Tensor, Tensor]:
    """Return heading (T,) and path (T, 3) of root channels (T, 4) that outside `runs` are those of `anchor`.

    What lacks after a run, first in direction, then in place, is spread over it without corners. A run at the start
    comes from anywhere, so it is moved and turned as a whole; one at the end leads anywhere.
    """
    frames = len(root)
    goal_heading, goal = layout.root_path(anchor.double())
    start_heading = root.new_zeros(())
    shares = [(stop, _share(frames, start, stop, root.dtype)) for start, stop in runs if stop < frames]
    for stop, share in shares:
        lack = goal_heading[stop] - start_heading - layout.root_path(root)[0][stop]
        lack = torch.remainder(lack + math.pi, 2 * math.pi) - math.pi
        start_heading = start_heading + lack * share[0]
        more = torch.nn.functional.pad(lack * share.diff() / layout.turn, (0, 1))
        root = torch.cat((root[:, :1] + more[:, None], root[:, 1:]), dim=1)
    heading, path = layout.root_path(root)
    path = turn_about_y(path, start_heading.expand(frames))
    for stop, share in shares:
        path = path + share[:, None] * (goal[stop] - path[stop])
    return heading + start_heading, path


def _share(frames: int, start: int, stop: int, dtype: torch.dtype) -> Tensor:
    """Return (T,) how much of a correction is reached: 0 up to `start`, rising over the run to 1 at `stop`."""
    if start == 0:
        return torch.ones(frames, dtype=dtype)
    index = torch.arange(frames, dtype=dtype)
    return smoothstep((index - start) / (stop - start))
