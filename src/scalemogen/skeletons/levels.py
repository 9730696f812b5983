"""Pooling levels and part chains that follow from a division of the joints into body parts."""

from __future__ import annotations

from collections.abc import Sequence

from scalemogen.skeletons.skeleton import Links, Partition, Pool
from scalemogen.skeletons.tree import children_of, depths


def two_levels(parents: Sequence[int], parts: Sequence[Sequence[int]]) -> tuple[tuple[Pool, ...], tuple[Links, ...]]:
    """Return two pooling levels, joints to nodes to `parts`, and the links of all three levels.

    Every part is cut into a half near the root and a half far from it. A group holds its own finer nodes and those
    that they hang from, so that every bone lies inside a group; nodes are linked where a bone joins them.
    """
    joints = list(range(len(parents)))
    part_of, node_of = list(joints), list(joints)
    nodes = 0
    depth = depths(parents)
    for number, part in enumerate(parts):
        cut = sorted(depth[joint] for joint in part)[(len(part) - 1) // 2]
        far = any(depth[joint] > cut for joint in part)
        for joint in part:
            part_of[joint], node_of[joint] = number, nodes + (depth[joint] > cut)
        nodes += 1 + far
    pools = (_pool(parents, joints, node_of), _pool(parents, node_of, part_of))
    return pools, tuple(_bone_links(parents, of) for of in (joints, node_of, part_of))


def _pool(parents: Sequence[int], finer: Sequence[int], coarser: Sequence[int]) -> Pool:
    groups: list[set[int]] = [set() for _ in range(max(coarser) + 1)]
    for joint, parent in enumerate(parents):
        groups[coarser[joint]] |= {finer[joint]} if parent < 0 else {finer[joint], finer[parent]}
    return tuple(tuple(sorted(group)) for group in groups)


def _bone_links(parents: Sequence[int], of: Sequence[int]) -> Links:
    bones = ((of[joint], of[parent]) for joint, parent in enumerate(parents) if parent >= 0)
    return tuple(sorted({(min(bone), max(bone)) for bone in bones if bone[0] != bone[1]}))


def touching_links(parents: Sequence[int], pools: Sequence[Pool]) -> tuple[Links, ...]:
    """Return the links of given levels: bones first, then groups that share a finer node or are joined by a link."""
    levels = [_bone_links(parents, range(len(parents)))]
    for groups in pools:
        near = {frozenset(link) for link in levels[-1]}
        levels.append(
            tuple(
                (one, other)
                for one in range(len(groups))
                for other in range(one + 1, len(groups))
                if any(a == b or frozenset((a, b)) in near for a in groups[one] for b in groups[other])
            )
        )
    return tuple(levels)


def part_chains(
    parents: Sequence[int], partners: Sequence[int], part_of: Sequence[int]
) -> tuple[tuple[str, tuple[Partition, ...]], ...]:
    """Return the named chains of a division into parts, coarse to fine.

    - `inner-to-outer`: the whole body; trunk | limbs; limbs by where they hang on the trunk; trunk parts alone, limbs
      with their partners; pairs of parts; single parts.
    - `lower-upper`: the whole body; what hangs on the root | the largest trunk branch; pairs; single parts.
    - `whole-body`: the whole body; single parts.
    - `flat`: single parts.

    Args:
        parents: parent of every joint.
        partners: left or right counterpart of every joint, itself for the middle.
        part_of: part of every joint.
    """
    count = max(part_of) + 1
    members: list[list[int]] = [[] for _ in range(count)]
    for joint, part in enumerate(part_of):
        members[part].append(joint)
    home = [-1 if 0 in part else part_of[parents[part[0]]] for part in members]
    across = [part_of[partners[part[0]]] for part in members]
    partner = [other if across[other] == part else part for part, other in enumerate(across)]
    below = children_of(home)
    root = part_of[0]
    order = sorted(range(count), key=lambda part: members[part][0])
    trunk = {root}
    for part in order:
        if home[part] in trunk and partner[part] == part and below[part]:
            trunk.add(part)
    limb = list(range(count))
    for part in order:
        if part not in trunk and home[part] not in trunk:
            limb[part] = limb[home[part]]
    pair = [min(part, partner[part]) for part in range(count)]
    limbs = [part if part in trunk else pair[limb[part]] for part in range(count)]
    upper = _upper_branch(order, home, root, trunk, members)
    whole = [0] * count
    single = list(range(count))
    return (
        (
            "inner-to-outer",
            _chain(
                whole,
                [-1 if part in trunk else 0 for part in range(count)],
                [-1 if part in trunk else home[limb[part]] for part in range(count)],
                limbs,
                pair,
                single,
            ),
        ),
        ("lower-upper", _chain(whole, [int(part in upper) for part in range(count)], pair, single)),
        ("whole-body", _chain(whole, single)),
        ("flat", _chain(single)),
    )


def _upper_branch(
    order: Sequence[int], home: Sequence[int], root: int, trunk: set[int], members: Sequence[Sequence[int]]
) -> set[int]:
    """Return the parts of the largest branch that begins with a trunk part on the root."""
    branches: dict[int, set[int]] = {}
    branch_of: dict[int, int] = {}
    for part in order:
        if home[part] == root and part in trunk:
            branch_of[part] = part
        elif home[part] in branch_of:
            branch_of[part] = branch_of[home[part]]
        if part in branch_of:
            branches.setdefault(branch_of[part], set()).add(part)
    return max(branches.values(), key=lambda parts: sum(len(members[part]) for part in parts), default=set())


def _chain(*keys: Sequence[int]) -> tuple[Partition, ...]:
    """Return a partition for every list of group keys, each refining the one before; steps that add nothing go.

    Parts share a group while they have shared all keys so far.
    """
    partitions: list[Partition] = []
    trail: list[tuple[int, ...]] = [() for _ in keys[0]]
    for key in keys:
        trail = [(*before, group) for before, group in zip(trail, key, strict=True)]
        groups: dict[tuple[int, ...], list[int]] = {}
        for part, seen in enumerate(trail):
            groups.setdefault(seen, []).append(part)
        partition = tuple(tuple(group) for group in groups.values())
        if not partitions or partition != partitions[-1]:
            partitions.append(partition)
    return tuple(partitions)
