"""Legs and arms of any joint tree: which joints are hip, knee and ankle, or shoulder, elbow and wrist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from scalemogen.skeletons.skeleton import Skeleton
from scalemogen.skeletons.tree import bone_lengths, children_of, reaches


class Limb(NamedTuple):
    """A leg or an arm.

    Attributes:
        kind: "leg" or "arm".
        upper: hip or shoulder.
        hinge: knee or elbow.
        lower: ankle or wrist.
        tip: farthest joint of the foot or hand; the same as `lower` where there is none.
    """

    kind: Literal["leg", "arm"]
    upper: int
    hinge: int
    lower: int
    tip: int


def find_limbs(skeleton: Skeleton) -> tuple[Limb, ...]:
    """Return left leg, right leg, left arm, right arm, as far as the skeleton has them.

    Legs run from the hips of `skeleton.facing` to the contact joints, arms from its shoulders to the joint farthest
    down. The hinge is the joint between the two long bones of that chain, whatever the names and the rest pose are.
    """
    hips, shoulders = skeleton.facing[:2], skeleton.facing[2:]
    lengths = bone_lengths(skeleton.parents, skeleton.offsets)
    found: list[Limb] = []
    if hips[0] != hips[1]:
        for hip in hips:
            ways = [way for foot in skeleton.contacts if (way := _way(skeleton.parents, hip, foot))]
            found += _limb("leg", max(ways, key=len, default=[]), lengths)
    if shoulders[0] != shoulders[1] and shoulders != hips:
        for shoulder in shoulders:
            found += _limb("arm", _farthest(skeleton.parents, lengths, shoulder), lengths)
    return tuple(found)


def _way(parents: Sequence[int], top: int, joint: int) -> list[int]:
    """Return the joints from `top` down to `joint`, none where it does not hang below."""
    way = [joint]
    while way[-1] != top:
        if way[-1] < 0:
            return []
        way.append(parents[way[-1]])
    return way[::-1]


def _farthest(parents: Sequence[int], lengths: Sequence[float], top: int) -> list[int]:
    """Return the longest way down from `top`."""
    children, reach = children_of(parents), reaches(parents, lengths)
    way = [top]
    while children[way[-1]]:
        way.append(max(children[way[-1]], key=lambda joint: (lengths[joint] + reach[joint], -joint)))
    return way


def _limb(kind: Literal["leg", "arm"], way: Sequence[int], lengths: Sequence[float]) -> list[Limb]:
    if len(way) < 3:
        return []
    bones = [lengths[joint] for joint in way[1:]]
    at = max(range(1, len(way) - 1), key=lambda place: min(bones[place - 1], bones[place]))
    return [Limb(kind, way[at - 1], way[at], way[at + 1], way[-1])]
