"""Body parts of any joint tree: the root, its trunk and limb chains, and small bushes such as hands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from scalemogen.skeletons.tree import Vector, bone_lengths, children_of, reaches

BUSH = 0.2
"""A branching that reaches at most this share of the skeleton's longest path down is one part (fingers, toes, face)."""

STUB = 0.02
"""A branching joint this close to its parent, as a share of that path, belongs to the parent's part."""

KINDS = {
    "leg": ("hip", "thigh", "leg", "knee", "shin", "calf", "ankle"),
    "foot": ("foot", "toe", "heel", "hoof"),
    "arm": ("clavicle", "collar", "shoulder", "arm", "elbow", "wrist"),
    "hand": ("hand", "finger", "thumb", "index", "pinky"),
    "head": ("head", "neck", "skull"),
    "face": ("eye", "jaw", "brow"),
    "spine": ("spine", "chest", "torso", "thorax", "abdomen", "back"),
    "tail": ("tail",),
    "wing": ("wing",),
}
"""Words that tell what a chain of joints is."""

WHOLE = {"foot": "leg", "hand": "arm"}
"""A chain with a leg's joints is a leg, whatever else it has."""


def body_parts(parents: Sequence[int], offsets: Sequence[Vector]) -> tuple[tuple[int, ...], ...]:
    """Return the joints of every part, the root's first, then in the order of their first joints.

    A part begins at every child of the root and of a branching joint, and runs to its end or to the next branching.
    """
    children, lengths = children_of(parents), bone_lengths(parents, offsets)
    reach = reaches(parents, lengths)
    parts: list[list[int]] = [[0]]
    part_of = [0]
    bushes: dict[int, int] = {}
    for joint in range(1, len(parents)):
        parent = parents[joint]
        above = part_of[parent]
        branches = parent == 0 or len(children[parent]) > 1
        stub = len(children[joint]) > 1 and lengths[joint] <= STUB * reach[0]
        bush = parent > 0 and len(children[parent]) > 1 and reach[parent] <= BUSH * reach[0]
        if above in bushes.values() or not branches or (stub and not bush):
            part = above
        elif bush and parent in bushes:
            part = bushes[parent]
        else:
            part = len(parts)
            parts.append([])
            if bush:
                bushes[parent] = part
        part_of.append(part)
        parts[part].append(joint)
    return tuple(tuple(part) for part in parts)


def part_kinds(joints: Sequence[str], parts: Sequence[Sequence[int]]) -> tuple[str, ...]:
    """Return what each part is by the words in its joints' names, "" where they do not tell, "root" with joint 0."""
    kinds = []
    for part in parts:
        names = [joints[joint].lower() for joint in part]
        votes = Counter(kind for name in names for kind, words in KINDS.items() if any(word in name for word in words))
        best = votes.most_common(1)[0][0] if votes else ""
        best = WHOLE[best] if best in WHOLE and votes[WHOLE[best]] else best
        kinds.append("root" if 0 in part else best)
    return tuple(kinds)


def part_names(
    joints: Sequence[str], parts: Sequence[Sequence[int]], kinds: Sequence[str], sides: Sequence[int]
) -> tuple[str, ...]:
    """Return names such as "left leg"; a part of no known kind, or one of several, has its first joint's name in it."""
    side_words = {1: "left ", -1: "right ", 0: ""}
    plain = [side_words[sides[part[0]]] + kind for part, kind in zip(parts, kinds, strict=True)]
    names = []
    for part, kind, name in zip(parts, kinds, plain, strict=True):
        first = joints[part[0]]
        if not kind:
            names.append(first if first not in plain else f"part {first}")
        else:
            names.append(name if plain.count(name) == 1 else f"{name} ({first})")
    return tuple(names)
