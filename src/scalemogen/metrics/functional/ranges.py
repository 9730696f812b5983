"""Joints bent further than people can, seen from positions alone, so on any skeleton with legs or arms.

Only what positions tell is judged: hinges. Where a shoulder or hip turns, and which way an elbow may therefore bend,
depends on twists that positions do not show.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor

from scalemogen.errors import UserError
from scalemogen.metrics.functional.clips import frames_inside, masked_mean, require_positions
from scalemogen.skeletons import Limb, Skeleton, find_limbs

RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"knee": (-15.0, 160.0), "ankle": (5.0, 130.0), "elbow": (0.0, 160.0)}
)
"""Degrees that people reach: mean passive ranges of adults (Soucie et al. 2011: knee -2..142, ankle 62 down and 14 up
from about 75 between shin and foot's joints, elbow -5..150), and room for the most supple and for joint centres that
lie elsewhere in every skeleton. 0 is a straight limb, or a foot that continues the shin."""

CLEAR = 0.2
"""A foot tells the front of its shin while the sine of the angle between them is at least this."""


class HingeAngles(NamedTuple):
    """Angles of the hinges of a skeleton.

    Attributes:
        names: H hinges: "knee", "ankle" or "elbow", keys of `RANGES`.
        degrees: (B, T, H).
    """

    names: tuple[str, ...]
    degrees: Tensor


def hinge_angles(positions: Tensor, skeleton: Skeleton) -> HingeAngles:
    """Return how far knees, ankles and elbows are bent.

    A knee's angle is positive where the shin is bent back, negative where it is bent forward; the foot tells where
    the front of the shin is. Without a foot, or with one that points along the shin, it counts as bent back.

    Args:
        positions: (B, T, J, 3), metres.
        skeleton: the joint tree; see `find_limbs`.

    Raises:
        UserError: the skeleton has no legs and no arms.
    """
    require_positions(positions)
    limbs = find_limbs(skeleton)
    if not limbs:
        raise UserError(f"skeleton {skeleton.name} has no legs or arms that could be found: ranges are not defined")
    names: list[str] = []
    angles: list[Tensor] = []
    for limb in limbs:
        upper, lower, tip = _directions(positions.double(), limb)
        bend = _angle(upper, lower)
        if limb.kind == "arm":
            names.append("elbow")
            angles.append(bend)
            continue
        front = tip - (tip * lower).sum(dim=-1, keepdim=True) * lower
        forward = ((upper * front).sum(dim=-1) < 0) & (torch.linalg.vector_norm(front, dim=-1) >= CLEAR)
        names.append("knee")
        angles.append(torch.where(forward, -bend, bend))
        if limb.tip != limb.lower:
            names.append("ankle")
            angles.append(_angle(lower, tip))
    return HingeAngles(tuple(names), torch.stack(angles, dim=-1).to(positions))


def range_violations(positions: Tensor, lengths: Tensor | None, *, skeleton: Skeleton) -> Tensor:
    """Return the share of frames times hinges whose angle is outside `RANGES`, (B,) 0..1.

    Args:
        positions: (B, T, J, 3), metres.
        lengths: (B,) frames of each clip, 1..T; None for T each.
        skeleton: the joint tree.

    Raises:
        ValueError: the shapes do not fit, or a length is outside 1..T.
        UserError: the skeleton has no legs and no arms.
    """
    names, degrees = hinge_angles(positions, skeleton)
    low, high = degrees.new_tensor([RANGES[name] for name in names]).unbind(dim=-1)
    outside = (degrees < low) | (degrees > high)
    return masked_mean(outside.to(positions).mean(dim=-1), frames_inside(positions, lengths))


def _directions(positions: Tensor, limb: Limb) -> tuple[Tensor, Tensor, Tensor]:
    """Return unit vectors (B, T, 3) along the upper bone, the lower bone, and from the ankle to the tip."""
    ends = ((limb.upper, limb.hinge), (limb.hinge, limb.lower), (limb.lower, limb.tip))
    upper, lower, tip = (
        torch.nn.functional.normalize(positions[..., end, :] - positions[..., start, :], dim=-1) for start, end in ends
    )
    return upper, lower, tip


def _angle(one: Tensor, other: Tensor) -> Tensor:
    """Return the angle in degrees between unit vectors (..., 3), also of nearly parallel ones."""
    across = torch.linalg.vector_norm(torch.linalg.cross(one, other), dim=-1)
    return torch.rad2deg(torch.atan2(across, (one * other).sum(dim=-1)))
