"""When a foot stands on the ground, and how far it slides while it does. T frames, L feet.

Generated feet slide, sink and hover, so neither height nor speed alone tells. A foot stands where it is near the
height at which slow feet of this motion are and, at least for a moment, slow itself; the higher, the slower it must be.
It goes on standing while it is low and not as fast as a foot that swings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as nnf

from scalemogen.motion.heading import smooth
from scalemogen.skeletons import Skeleton
from scalemogen.skeletons.limbs import Limb, find_limbs

LOW = 0.05
"""Metres over its resting height within which a foot can stand. The speeds below are for the ground, and 0 up here."""

LOWER = 0.04
"""Metres over the lowest foot within which a foot can stand; likewise for the speeds."""

SLOW = 0.4
"""Metres per second over the ground below which a foot stands."""

SWINGING = 1.2
"""Metres per second from which it does not, though it stood a moment ago."""

SLOW_SHARE = 0.7
"""Share of the body's speed below which it stands too: where all of a motion glides, the steps are still to be seen."""

DRIFTING = 0.9
"""Share of the body's speed below which a low foot that is slower than the other one goes on standing."""

PACE_SECONDS = 0.25
"""Standard deviation of what the body's speed is smoothed with."""

LEVEL = 0.02
"""Metres by which the joints of a foot may differ in height, each over its rest, while all of them touch the ground."""

RESTING = 0.3
"""Share of the frames of slow feet in which a joint is below its resting height; a raised heel is above it."""

PAIRED = 0.03
"""Metres that a slow foot may be above the other one and still tell where the ground is."""

SHORT_SECONDS = 0.1
"""A foot that stands for less is passing; one that is off the ground for less still stands."""


class Foot(NamedTuple):
    """A limb that stands.

    Attributes:
        limb: its joints.
        heel: contact joint nearest to the body.
        toe: farthest contact joint; the same as `heel` where there is one.
    """

    limb: Limb
    heel: int
    toe: int


def find_feet(skeleton: Skeleton) -> tuple[Foot, ...]:
    """Return the limbs of two bones with contact joints at their ends; none where the skeleton knows no such limbs."""
    feet = []
    for limb in find_limbs(skeleton):
        own = [joint for joint in skeleton.contacts if limb.lower in _way_up(skeleton, joint)]
        if own:
            own.sort(key=lambda joint: len(_way_up(skeleton, joint)))
            feet.append(Foot(limb, own[0], own[-1]))
    return tuple(feet)


def _way_up(skeleton: Skeleton, joint: int) -> list[int]:
    way = [joint]
    while skeleton.parents[way[-1]] >= 0:
        way.append(skeleton.parents[way[-1]])
    return way


@dataclass(frozen=True)
class Contacts:
    """What feet do on the ground.

    Attributes:
        stands: (T, L) bool, True = the foot stands.
        steps: (T-1, L, 2) metres on x and z that the resting point of a foot moves to the next frame.
        heights: (T, L) metres of the lowest contact joint over its resting height.
    """

    stands: Tensor
    steps: Tensor
    heights: Tensor


def find_contacts(positions: Tensor, skeleton: Skeleton, feet: tuple[Foot, ...], fps: float) -> Contacts:
    """Tell when feet stand.

    The resting point is the one between heel and toe, as far as these touch the ground, that moves least: so a foot
    that turns or rolls over some point of itself rests there.

    Args:
        positions: (T, J, 3) metres, Y up, T >= 2.
        skeleton: of the joints.
        feet: at least one.
        fps: frames per second.
    """
    heels, toes = [foot.heel for foot in feet], [foot.toe for foot in feet]
    moves = positions[..., [0, 2]].diff(dim=0)
    heel, toe = moves[:, heels], moves[:, toes]
    slow = _speed(_least(heel, toe), fps) < SLOW
    heights = torch.stack([_over_rest(positions[..., 1], skeleton, feet, joints, slow) for joints in (heels, toes)], -1)
    lowest = heights.amin(-1)
    touches = heights < lowest[..., None] + LEVEL
    touches = touches[1:] & touches[:-1]
    steps = torch.where(touches.all(-1)[..., None], _least(heel, toe), torch.where(touches[..., 1:], toe, heel))
    above = torch.maximum(lowest / LOW, (lowest - lowest.amin(1, keepdim=True)) / LOWER)
    nearness = 1 - torch.maximum(above[1:], above[:-1]).clamp_min(0.0)
    speed = _speed(steps, fps)
    short = max(1, round(SHORT_SECONDS * fps))
    body = smooth(_speed(moves[:, 0], fps), PACE_SECONDS * fps)[:, None]
    partners = _partners(skeleton, toes)
    drifts = (nearness > 0) & (speed < DRIFTING * body) & (speed < speed[:, partners])
    rests = _runs_with(
        drifts | (speed < SWINGING * nearness), speed < torch.clamp_min(SLOW_SHARE * body, SLOW) * nearness
    )
    rests = _without_short(~_without_short(~rests, short), short)
    edge = torch.zeros_like(rests[:1])
    return Contacts(torch.cat((rests, edge)) | torch.cat((edge, rests)), steps, lowest)


def _least(start: Tensor, end: Tensor) -> Tensor:
    """Return the shortest vector (..., 2) that leads from the origin to the line from `start` to `end`."""
    along = end - start
    share = -(start * along).sum(-1) / along.square().sum(-1).clamp_min(1e-12)
    return start + share.clamp(0.0, 1.0)[..., None] * along


def _speed(steps: Tensor, fps: float) -> Tensor:
    metres: Tensor = torch.linalg.vector_norm(steps, dim=-1)
    return metres * fps


def _over_rest(heights: Tensor, skeleton: Skeleton, feet: tuple[Foot, ...], joints: list[int], slow: Tensor) -> Tensor:
    """Return the heights (T, L) of one joint a foot over where it is while its foot, or the other one, rests."""
    own, other = heights[:, joints], heights[:, [skeleton.mirror[joint] for joint in joints]]
    edge = torch.zeros_like(slow[:1])
    still = torch.cat((slow, edge)) | torch.cat((edge, slow))
    told = torch.where(still & (own < other + PAIRED), own, torch.nan)
    rest = torch.nanquantile(torch.cat((told, told[:, _partners(skeleton, joints)])), RESTING, dim=0)
    return own - torch.where(rest.isnan(), own.amin(0), rest)


def _partners(skeleton: Skeleton, joints: list[int]) -> list[int]:
    """Return for each joint the place in the list of that of the other side, or its own."""
    mirrors = [skeleton.mirror[joint] for joint in joints]
    return [joints.index(mirror) if mirror in joints else place for place, mirror in enumerate(mirrors)]


def _runs_with(mask: Tensor, core: Tensor) -> Tensor:
    """Return the runs of True along the first axis of `mask` (T, L) that hold a True of `core`."""
    number = (mask & ~_shifted(mask)).int().cumsum(0)
    found = torch.zeros(
        int(number.max()) + 1 if number.numel() else 1, mask.shape[1], dtype=torch.int, device=mask.device
    )
    found = found.scatter_reduce(0, number.long(), (core & mask).int(), "amax")
    return mask & found.gather(0, number.long()).bool()


def _without_short(mask: Tensor, least: int) -> Tensor:
    """Return the runs of at least `least` True along the first axis of `mask` (T, L); those at its ends are long."""
    padded = nnf.pad(mask.T.float(), (least, least), value=1.0)[:, None]
    kept = -nnf.max_pool1d(-padded, least, stride=1)
    grown = nnf.max_pool1d(kept, least, stride=1)[:, 0, 1:-1].T > 0.5
    return grown & mask


def _shifted(mask: Tensor) -> Tensor:
    return torch.cat((torch.zeros_like(mask[:1]), mask[:-1]))
