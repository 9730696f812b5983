"""A whole skeleton from nothing but a joint tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scalemogen.errors import UserError
from scalemogen.skeletons.checks import check_numbers, check_tree
from scalemogen.skeletons.levels import part_chains, touching_links, two_levels
from scalemogen.skeletons.parts import body_parts, part_kinds, part_names
from scalemogen.skeletons.roles import find_contacts, find_facing
from scalemogen.skeletons.sides import counterparts, find_mirror, joint_sides
from scalemogen.skeletons.skeleton import Links, Partition, Pool, Skeleton
from scalemogen.skeletons.tree import Vector


def derive_skeleton(
    name: str,
    joints: Sequence[str],
    parents: Sequence[int],
    offsets: Sequence[Sequence[float]],
    *,
    contacts: Sequence[int] | None = None,
    mirror: Sequence[int] | None = None,
    facing: Sequence[int] | None = None,
    parts: Mapping[str, Sequence[int]] | None = None,
    pools: Sequence[Pool] | None = None,
    links: Sequence[Links] | None = None,
    chains: Mapping[str, Sequence[Partition]] | None = None,
) -> Skeleton:
    """Return the skeleton of any joint tree; what is not given follows from the tree, its names and its rest pose.

    Parts are the root, the chains of bones between branchings, and small bushes such as fingers; each is cut into two
    halves for the level between joints and parts.

    Args:
        name: name of the skeleton.
        joints: J names, the root first.
        parents: number of each joint's parent, -1 for the root; a parent comes before its children.
        offsets: (J, 3) rest pose, metres, each in the parent's frame, Y up, left at positive X.
        contacts: foot joints; see `find_contacts`.
        mirror: left or right partner of each joint; see `find_mirror`.
        facing: left hip, right hip, left shoulder, right shoulder; see `find_facing`.
        parts: name -> joints of every body part, each joint once; see `body_parts`.
        pools: pooling levels, the last one in the order of `parts`, which must then be given; see `two_levels`.
        links: neighbouring nodes of the joints and of every level.
        chains: part chains to have beside, or in place of, those that `part_chains` names.

    Raises:
        UserError: the tree or something given is unsound.
    """
    tree, rest = tuple(parents), tuple(_vector(name, offset) for offset in offsets)
    check_tree(name, joints, tree, rest)
    mirror = find_mirror(joints, tree, rest) if mirror is None else tuple(mirror)
    check_numbers(name, "mirror", mirror, len(tree), len(tree))
    sides, partners = joint_sides(joints, tree, rest, mirror), counterparts(joints, mirror)
    if parts is None and pools is not None:
        raise UserError(f"skeleton {name}: levels are given without parts; give the joints of every part too")
    members = body_parts(tree, rest) if parts is None else tuple(tuple(sorted(part)) for part in parts.values())
    part_of = _part_of(name, joints, members, tuple(parts or ()))
    kinds = part_kinds(joints, members)
    names = part_names(joints, members, kinds, sides) if parts is None else tuple(parts)
    if pools is None:
        pools, found_links = two_levels(tree, members)
    else:
        found_links = touching_links(tree, pools)
    if contacts is None:
        contacts = find_contacts(joints, tree, rest, members, kinds, sides, partners)
    if facing is None:
        facing = find_facing(tree, rest, members, kinds, sides, partners)
    check_numbers(name, "facing", facing, len(tree), 4)
    left_hip, right_hip, left_shoulder, right_shoulder = facing
    own_chains = {key: tuple(chain) for key, chain in (chains or {}).items()}
    return Skeleton(
        name=name,
        joints=tuple(joints),
        parents=tree,
        offsets=rest,
        contacts=tuple(contacts),
        mirror=mirror,
        facing=(left_hip, right_hip, left_shoulder, right_shoulder),
        pools=tuple(pools),
        parts=names,
        part_chains=tuple((dict(part_chains(tree, partners, part_of)) | own_chains).items()),
        links=found_links if links is None else tuple(links),
        part_of=part_of,
    )


def _vector(name: str, offset: Sequence[float]) -> Vector:
    if len(offset) != 3:
        raise UserError(f"skeleton {name}: an offset must be three finite metres, got {tuple(offset)}")
    return float(offset[0]), float(offset[1]), float(offset[2])


def _part_of(
    name: str, joints: Sequence[str], members: Sequence[Sequence[int]], parts: Sequence[str]
) -> tuple[int, ...]:
    """Return the part of every joint; each joint must be in exactly one."""
    found: dict[int, int] = {}
    for number, part in enumerate(members):
        if not part:
            raise UserError(f"skeleton {name}: part {parts[number]} has no joint")
        for joint in part:
            if not 0 <= joint < len(joints):
                raise UserError(f"skeleton {name}: part {parts[number]} has joint {joint} of {len(joints)}")
            if joint in found:
                both = f"{parts[found[joint]]} and {parts[number]}"
                raise UserError(f"skeleton {name}: joint {joints[joint]} is in parts {both}")
            found[joint] = number
    missing = [label for joint, label in enumerate(joints) if joint not in found]
    if missing:
        raise UserError(f"skeleton {name}: no part holds joint {missing[0]}")
    return tuple(found[joint] for joint in range(len(joints)))
