"""Left and right of any joint tree, from the joints' names and from the rest pose."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from scalemogen.skeletons.tree import Vector, centres, children_of, rest_positions, shapes

TO_RIGHT = {"left": "right", "Left": "Right", "LEFT": "RIGHT", "l": "r", "L": "R"}
"""What turns the name of a left joint into that of its partner."""

TOLERANCE = 0.05
"""Partners found by position lie this close to each other's mirror image, as a share of the skeleton's size."""


def name_partners(joints: Sequence[str]) -> dict[int, int]:
    """Return left joint -> right joint for every two names that differ in one "left" or "L" only.

    This finds `LeftArm`, `left_arm`, `L_arm`, `arm.L`, `lArm` and also `leg_fl`; a lone `left` without its `right` is
    no pair.
    """
    numbers = {name: joint for joint, name in enumerate(joints)}
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for left, name in enumerate(joints):
        for found in (*re.finditer("left|Left|LEFT", name), *re.finditer("[lL]", name)):
            right = numbers.get(name[: found.start()] + TO_RIGHT[found.group()] + name[found.end() :])
            if right is not None and not taken & {left, right}:
                pairs[left] = right
                taken |= {left, right}
    return pairs


class _Matcher:
    """Decides which joints may be partners: by name, or by place in the rest pose where names say nothing."""

    def __init__(self, joints: Sequence[str], parents: Sequence[int], offsets: Sequence[Vector]) -> None:
        pairs = name_partners(joints)
        self.named = pairs | {right: left for left, right in pairs.items()}
        self.shape = shapes(parents)
        self.centre = centres(parents, rest_positions(parents, offsets))
        self.reach = TOLERANCE * max(math.dist(one, self.centre[0]) for one in self.centre)

    def gap(self, one: int, other: int) -> float:
        """Return how far `other`'s subtree is from the mirror image of `one`'s, metres."""
        x, y, z = self.centre[one]
        return math.dist((-x, y, z), self.centre[other])

    def pairs(self, ones: Sequence[int], others: Sequence[int]) -> list[tuple[int, int]]:
        """Match siblings with siblings (`ones` is `others`) or the children of two partners."""
        siblings, free, found = ones is others, set(others), []

        def take(one: int, other: int) -> None:
            found.append((one, other))
            free.difference_update((one, other) if siblings else (other,))

        for one in ones:
            other = self.named.get(one, one)
            if other != one and other in free and self.shape[other] == self.shape[one]:
                take(one, other)
        done = {one for one, _ in found}
        for one in ones:
            alike = [other for other in free if self.shape[other] == self.shape[one] and other != one]
            if siblings:
                unnamed = one in free and one not in self.named and abs(self.centre[one][0]) > self.reach
                alike = [other for other in alike if unnamed and self.gap(one, other) <= self.reach]
            elif one in done:
                continue
            if alike:
                take(one, min(alike, key=lambda other: (self.gap(one, other), other)))
        return found


def find_mirror(joints: Sequence[str], parents: Sequence[int], offsets: Sequence[Vector]) -> tuple[int, ...]:
    """Return the left or right partner of every joint, itself for the middle.

    Two children of a middle joint are partners when their subtrees branch alike and their names say so, or, where
    names say nothing, when each lies at the other's mirror image (X turned round) in the rest pose. Partners'
    children are partners. The result is therefore always a symmetry of the tree: a limb without a limb that branches
    alike on the other side is its own partner.
    """
    matcher, children = _Matcher(joints, parents, offsets), children_of(parents)
    mirror = list(range(len(joints)))
    for joint, below in enumerate(children):
        partner = mirror[joint]
        if partner < joint:
            continue
        for one, other in matcher.pairs(below, below if partner == joint else children[partner]):
            mirror[one], mirror[other] = other, one
    return tuple(mirror)


def counterparts(joints: Sequence[str], mirror: Sequence[int]) -> tuple[int, ...]:
    """Return the mirror partner of every joint, or the one that its name tells where the tree is not symmetric."""
    pairs = name_partners(joints)
    named = pairs | {right: left for left, right in pairs.items()}
    return tuple(named.get(joint, joint) if partner == joint else partner for joint, partner in enumerate(mirror))


def joint_sides(
    joints: Sequence[str], parents: Sequence[int], offsets: Sequence[Vector], mirror: Sequence[int]
) -> tuple[int, ...]:
    """Return 1 for joints on the left, -1 on the right, 0 in the middle.

    Names decide; a joint without a side in its name has its parent's; else the partner at greater X is the left one.
    """
    pairs = name_partners(joints)
    rights = set(pairs.values())
    centre = centres(parents, rest_positions(parents, offsets))
    sides: list[int] = []
    for joint, partner in enumerate(mirror):
        parent = parents[joint]
        if joint in pairs or joint in rights:
            side = 1 if joint in pairs else -1
        elif partner == joint or parent < 0:
            side = 0
        elif mirror[parent] != parent:
            side = sides[parent]
        else:
            side = 1 if (centre[joint][0], -joint) > (centre[partner][0], -partner) else -1
        sides.append(side)
    return tuple(sides)
