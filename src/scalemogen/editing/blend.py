"""Putting new motion into a given one: in rotations, along one path, with nothing moved that was not to change.

A decoder mixes neighbouring parts and moments, so what it makes of unchanged tokens changes a little beside changed
ones, and it loses detail that the tokens do not hold. Here the given motion itself is taken wherever nothing was to
change. Axis letters: T frames, J joints, F features.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from scalemogen.motion import FeatureLayout, Motion, make_rigid
from scalemogen.motion.layouts.base import ROOT
from scalemogen.motion.rotations import about_y, multiply, slerp
from scalemogen.skeletons import Skeleton

BLEND_SECONDS = 0.25
"""Time over which new motion comes in and goes out again, inside the frames that may change."""


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
    stay: bool = False,
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
        stay: bend the path of frames that are in part new so that those after them stay where they are in the source.
    """
    given = layout.to_motion(source, skeleton, fps)
    heading, path = (tensor.double() for tensor in layout.root_path(source.double()))
    rotations, tilt = given.rotations.double(), _tilt(given, heading)
    touched = weights.amax(1).nonzero()[:, 0].tolist()
    if touched:
        rows = slice(touched[0], touched[-1] + 1)
        made = make_rigid(layout.to_motion(new[rows], skeleton, fps))
        made_heading, _ = layout.root_path(new[rows].double())
        share = weights[rows, :, None].double()
        rotations[rows] = slerp(rotations[rows], made.rotations.double(), share)
        tilt[rows] = slerp(tilt[rows], _tilt(made, made_heading.double()), share[:, 0])
        mixed = source.double().clone()
        mixed[rows, :ROOT] = torch.lerp(mixed[rows, :ROOT], new[rows, :ROOT].double(), share[:, 0])
        old_heading, old_path = heading, path
        heading, path = layout.root_path(mixed)
        if stay:
            heading, path = _bend(layout, mixed, old_heading, old_path, rows)
    rotations[:, 0] = multiply(about_y(heading), tilt)
    return Blended(Motion.from_rotations(skeleton, rotations, path, fps), heading)


def _tilt(motion: Motion, heading: Tensor) -> Tensor:
    """Return (T, 4) the root's rotation within the heading frame."""
    return multiply(about_y(-heading), motion.rotations[:, 0].double())


def _bend(layout: FeatureLayout, mixed: Tensor, heading: Tensor, path: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
    """Return heading (T,) and path (T, 3) of features `mixed` that from `rows.stop` on are those given.

    What the path lacks there, first in direction, then in place, is spread over the frames before, without corners.
    """
    stop = rows.stop
    reached, _ = layout.root_path(mixed)
    if stop == len(mixed):
        return layout.root_path(mixed)
    share = smoothstep(torch.linspace(0.0, 1.0, stop - rows.start + 1, dtype=mixed.dtype))
    lack = torch.remainder(heading[stop] - reached[stop] + math.pi, 2 * math.pi) - math.pi
    turned = mixed.clone()
    turned[rows, 0] += lack * share.diff() / layout.turn
    bent_heading, bent = layout.root_path(turned)
    bent[rows] += share[:-1, None] * (path[stop] - bent[stop])
    return torch.cat((bent_heading[:stop], heading[stop:])), torch.cat((bent[:stop], path[stop:]))
