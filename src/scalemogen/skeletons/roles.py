"""Which joints touch the ground, and which tell where the body faces."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scalemogen.skeletons.tree import Vector, depths, rest_positions

MAX_CONTACTS = 8
"""A skeleton with more foot joints keeps one a foot, and at most so many."""

LOW = 0.1
"""A limb stands on the ground in the rest pose when its tip is within this share of the body's height."""

RAISED = 0.25
"""The rest pose tells what is low when the root is at least this share of the body's height above the ground."""


def find_contacts(
    joints: Sequence[str],
    parents: Sequence[int],
    offsets: Sequence[Vector],
    parts: Sequence[Sequence[int]],
    kinds: Sequence[str],
    sides: Sequence[int],
    partners: Sequence[int],
) -> tuple[int, ...]:
    """Return the foot joints, left before right: of every foot the last two joints of its chain.

    Feet are the limbs that the names call legs and those whose tips are lowest in the rest pose; where a named leg is
    not low, the rest pose is not an upright one and the names decide alone. Of a foot with toes of their own it is the
    joint from which they spread and the farthest tip; of a limb of up to three joints its tip alone. Joints that only
    mark the end of a bone (`..._end`, `...Nub`) do not count.
    """
    depth = depths(parents)
    tips = {}
    for number, part in enumerate(parts):
        if 0 not in part and not any(joint not in part and parent in part for joint, parent in enumerate(parents)):
            real = [joint for joint in part if not joints[joint].lower().endswith(("end", "nub"))] or part
            tips[number] = max(real, key=lambda joint: (depth[joint], -joint))
    low = _low(rest_positions(parents, offsets), tips)
    low = {number for number in low if kinds[number] not in ("tail", "head", "face")}
    named = {number for number in tips if kinds[number] in ("leg", "foot")}
    feet = named if named - low else low
    ordered = sorted(feet, key=lambda number: (min(tips[number], partners[tips[number]]), -sides[tips[number]]))
    pairs = [(*_ankle(parents, parts[number], tips[number]), tips[number]) for number in ordered]
    found = [joint for pair in pairs for joint in pair]
    if len(found) > MAX_CONTACTS:
        found = [pair[-1] for pair in pairs]
    return tuple(found[:MAX_CONTACTS])


def _low(positions: Sequence[Vector], tips: dict[int, int]) -> set[int]:
    heights = [y for _, y, _ in positions]
    ground, tall = min(heights), max(heights) - min(heights)
    if heights[0] - ground <= RAISED * tall:
        return set()
    return {number for number, tip in tips.items() if heights[tip] - ground <= LOW * tall}


def _ankle(parents: Sequence[int], part: Sequence[int], tip: int) -> tuple[int, ...]:
    tops = [joint for joint in part if parents[joint] not in part]
    if len(tops) > 1:
        return (parents[tops[0]],)
    return (parents[tip],) if len(part) > 3 else ()


def find_facing(
    parents: Sequence[int],
    offsets: Sequence[Vector],
    parts: Sequence[Sequence[int]],
    kinds: Sequence[str],
    sides: Sequence[int],
    partners: Sequence[int],
) -> tuple[int, int, int, int]:
    """Return left hip, right hip, left shoulder, right shoulder.

    Hips are the first joints that lie apart of the two legs, else of the pair of limbs nearest the root; shoulders
    those of the arms, else of the next pair, else the hips again. All are the root where there are no sides.
    """
    depth, positions = depths(parents), rest_positions(parents, offsets)

    def first_apart(part: Sequence[int]) -> int:
        return next((joint for joint in part if math.dist(positions[joint], positions[partners[joint]]) > 0), part[0])

    left = [number for number, part in enumerate(parts) if sides[part[0]] > 0 and partners[part[0]] not in part]
    if not left:
        one = next((joint for joint, side in enumerate(sides) if side > 0), 0)
        return one, partners[one], one, partners[one]
    hips = min(left, key=lambda number: (kinds[number] != "leg", depth[parts[number][0]], number))
    others = [number for number in left if number != hips] or [hips]
    shoulders = min(others, key=lambda number: (kinds[number] not in ("arm", "wing"), depth[parts[number][0]], number))
    hip, shoulder = first_apart(parts[hips]), first_apart(parts[shoulders])
    return hip, partners[hip], shoulder, partners[shoulder]
