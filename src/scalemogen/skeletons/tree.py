"""Plain arithmetic on joint trees; a tree is a list of parents in which every parent comes before its children."""

from __future__ import annotations

import math
from collections.abc import Sequence

Vector = tuple[float, float, float]


def children_of(parents: Sequence[int]) -> list[list[int]]:
    """Return the children of every joint, in increasing order."""
    children: list[list[int]] = [[] for _ in parents]
    for joint, parent in enumerate(parents):
        if parent >= 0:
            children[parent].append(joint)
    return children


def depths(parents: Sequence[int]) -> list[int]:
    """Return the number of bones between every joint and the root."""
    found: list[int] = []
    for parent in parents:
        found.append(0 if parent < 0 else found[parent] + 1)
    return found


def rest_positions(parents: Sequence[int], offsets: Sequence[Vector]) -> list[Vector]:
    """Return the position of every joint, metres from the root, when no joint is rotated."""
    found: list[Vector] = []
    for parent, (x, y, z) in zip(parents, offsets, strict=True):
        base = (0.0, 0.0, 0.0) if parent < 0 else found[parent]
        found.append((base[0] + x, base[1] + y, base[2] + z) if parent >= 0 else base)
    return found


def bone_lengths(parents: Sequence[int], offsets: Sequence[Vector]) -> list[float]:
    """Return the length of the bone from its parent to every joint, 0 for the root; 1 each if the tree has no size."""
    lengths = [0.0 if parent < 0 else math.hypot(*offset) for parent, offset in zip(parents, offsets, strict=True)]
    if any(lengths):
        return lengths
    return [float(parent >= 0) for parent in parents]


def reaches(parents: Sequence[int], lengths: Sequence[float]) -> list[float]:
    """Return for every joint the length of the longest path down from it."""
    found = [0.0] * len(parents)
    for joint in range(len(parents) - 1, 0, -1):
        parent = parents[joint]
        found[parent] = max(found[parent], found[joint] + lengths[joint])
    return found


def shapes(parents: Sequence[int]) -> list[int]:
    """Return a number for every joint's subtree; equal numbers mean that two subtrees branch alike."""
    numbers: dict[tuple[int, ...], int] = {}
    below: list[list[int]] = [[] for _ in parents]
    found = [0] * len(parents)
    for joint in range(len(parents) - 1, -1, -1):
        found[joint] = numbers.setdefault(tuple(sorted(below[joint])), len(numbers))
        if joint:
            below[parents[joint]].append(found[joint])
    return found


def centres(parents: Sequence[int], positions: Sequence[Vector]) -> list[Vector]:
    """Return for every joint the mean position of its subtree, itself included."""
    sums = [list(position) for position in positions]
    counts = [1] * len(parents)
    for joint in range(len(parents) - 1, 0, -1):
        parent = parents[joint]
        counts[parent] += counts[joint]
        sums[parent] = [one + other for one, other in zip(sums[parent], sums[joint], strict=True)]
    return [(x / n, y / n, z / n) for (x, y, z), n in zip(sums, counts, strict=True)]
