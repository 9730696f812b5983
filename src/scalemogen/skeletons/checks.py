"""What makes a joint tree, its levels and its part chains sound; every violation is named."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from scalemogen.errors import UserError

if TYPE_CHECKING:
    from scalemogen.skeletons.skeleton import Skeleton


def check_chain(
    partitions: Sequence[Sequence[Sequence[int]]],
    n_parts: int,
    *,
    parts: Sequence[str] | None = None,
    name: str = "part chain",
) -> None:
    """Refuse a list of partitions that breaks the skeletal hierarchy.

    A chain of partitions Π_0, …, Π_S of the parts 0 … G-1, coarse to fine, preserves the hierarchy when every part
    is in exactly one group of each Π_s, every group of Π_{s+1} lies inside one group of Π_s, and Π_S is all single
    parts. Then averaging a group and copying back is a projection, and bits of a group reach only its own parts.

    Args:
        partitions: the chain, coarse to fine.
        n_parts: G, parts of the finest level.
        parts: names of the parts for the message; their numbers are used without it.
        name: what the message calls the chain.

    Raises:
        UserError: the chain breaks a condition; the message names the chain, its step and the offending group.
    """

    def say(group: Sequence[int]) -> str:
        known = parts is not None and all(0 <= part < n_parts for part in group)
        return "{" + ", ".join(parts[part] if parts is not None and known else str(part) for part in group) + "}"

    if not partitions:
        raise UserError(f"{name}: is empty; it needs at least the step of {n_parts} single parts")
    coarser = [tuple(range(n_parts))]
    for step, partition in enumerate(partitions):
        seen: dict[int, Sequence[int]] = {}
        for group in partition:
            where = f"{name}: group {say(group)} of step {step}"
            if not group:
                raise UserError(f"{where} has no part")
            for part in group:
                if not 0 <= part < n_parts:
                    raise UserError(f"{where} has part {part}; the parts are 0 to {n_parts - 1}")
                if part in seen:
                    raise UserError(f"{where} repeats part {say([part])} of group {say(seen[part])}")
                seen[part] = group
            if not any(set(group) <= set(outer) for outer in coarser):
                raise UserError(f"{where} is not inside one group of step {step - 1}")
        missing = [part for part in range(n_parts) if part not in seen]
        if missing:
            raise UserError(f"{name}: step {step} has no group with {say(missing)}")
        coarser = [tuple(group) for group in partition]
    for group in coarser:
        if len(group) > 1:
            raise UserError(f"{name}: group {say(group)} of the last step must be split into single parts")


def check_skeleton(skeleton: Skeleton) -> None:
    """Refuse an unsound skeleton.

    Raises:
        UserError: naming the skeleton, the field and the joint, group or part that is wrong.
    """
    check_tree(skeleton.name, skeleton.joints, skeleton.parents, skeleton.offsets)
    _check_sides(skeleton)
    _check_levels(skeleton)
    names = [name for name, _ in skeleton.part_chains]
    if not names or len(set(names)) < len(names):
        raise UserError(f"skeleton {skeleton.name}: part chains need names of their own, got {names}")
    for name, partitions in skeleton.part_chains:
        check_chain(
            partitions,
            len(skeleton.parts),
            parts=skeleton.parts,
            name=f"skeleton {skeleton.name}, part chain {name}",
        )


def check_tree(name: str, joints: Sequence[str], parents: Sequence[int], offsets: Sequence[tuple[float, ...]]) -> None:
    """Refuse names that repeat, a parent that does not come first, and offsets that are not three finite numbers.

    Raises:
        UserError: naming the skeleton and the joint.
    """
    where, count = f"skeleton {name}", len(joints)
    if not count or len(set(joints)) < count or "" in joints:
        repeated = sorted({joint for joint in joints if joints.count(joint) > 1})
        raise UserError(f"{where}: joints need names of their own" + (f", repeated: {repeated}" if repeated else ""))
    if len(parents) != count or len(offsets) != count:
        sizes = f"{len(parents)} and {len(offsets)}"
        raise UserError(f"{where}: {count} joints need as many parents and offsets, got {sizes}")
    for joint, (label, parent, offset) in enumerate(zip(joints, parents, offsets, strict=True)):
        if joint == 0 and parent != -1:
            raise UserError(f"{where}: joint {label} is the first one, so its parent must be -1, not {parent}")
        if joint > 0 and not 0 <= parent < joint:
            raise UserError(f"{where}: the parent of joint {label} (number {joint}) must come before it, got {parent}")
        if len(offset) != 3 or not all(math.isfinite(value) for value in offset):
            raise UserError(f"{where}: the offset of joint {label} must be three finite metres, got {offset}")


def check_numbers(name: str, field: str, numbers: Sequence[int], joints: int, size: int | None = None) -> None:
    """Refuse numbers that are not joints, or not `size` of them.

    Raises:
        UserError: naming the skeleton and the field.
    """
    if any(not 0 <= joint < joints for joint in numbers) or (size is not None and len(numbers) != size):
        wanted = f"{size or 'any'} joint numbers from 0 to {joints - 1}"
        raise UserError(f"skeleton {name}: {field} {tuple(numbers)} must be {wanted}")


def _check_sides(skeleton: Skeleton) -> None:
    where, count = f"skeleton {skeleton.name}", len(skeleton.joints)
    check_numbers(skeleton.name, "contacts", skeleton.contacts, count)
    check_numbers(skeleton.name, "mirror", skeleton.mirror, count, count)
    check_numbers(skeleton.name, "facing", skeleton.facing, count, 4)
    if len(set(skeleton.contacts)) < len(skeleton.contacts):
        raise UserError(f"{where}: contacts {skeleton.contacts} repeat a joint")
    for joint, partner in enumerate(skeleton.mirror):
        label, other = skeleton.joints[joint], skeleton.joints[partner]
        if skeleton.mirror[partner] != joint:
            raise UserError(f"{where}: the mirror of {label} is {other}, but the mirror of {other} is another joint")
        parent, partners_parent = skeleton.parents[joint], skeleton.parents[partner]
        if (parent == -1) != (partners_parent == -1) or (parent >= 0 and skeleton.mirror[parent] != partners_parent):
            raise UserError(f"{where}: {label} and {other} are mirrored, but their parents are not")


def _check_levels(skeleton: Skeleton) -> None:
    where, finer = f"skeleton {skeleton.name}", len(skeleton.joints)
    if not skeleton.pools or len(skeleton.links) != len(skeleton.pools) + 1:
        raise UserError(f"{where}: needs at least one pooling level, and links for the joints and for every level")
    for level, groups in enumerate(skeleton.pools):
        for number, group in enumerate(groups):
            if not group or list(group) != sorted(set(group)) or group[0] < 0 or group[-1] >= finer:
                raise UserError(
                    f"{where}: group {number} {group} of level {level} must hold increasing numbers "
                    f"of finer nodes, 0 to {finer - 1}"
                )
        missing = sorted(set(range(finer)) - {node for group in groups for node in group})
        if missing:
            raise UserError(f"{where}: level {level} has no group with finer node {missing[0]}")
        finer = len(groups)
    if len(skeleton.parts) != finer or len(set(skeleton.parts)) < finer or "" in skeleton.parts:
        raise UserError(f"{where}: the last level has {finer} groups, which need names of their own: {skeleton.parts}")
    levels: Sequence[Sequence[tuple[int, ...]]] = skeleton.links
    for level, links in enumerate(levels):
        nodes = skeleton.levels[level]
        for link in links:
            if len(link) != 2 or not 0 <= link[0] < link[1] < nodes:
                raise UserError(f"{where}: link {link} of level {level} must be two increasing nodes below {nodes}")
    if len(skeleton.part_of) != len(skeleton.joints) or set(skeleton.part_of) != set(range(finer)):
        raise UserError(f"{where}: every joint needs one of the {finer} parts, and every part a joint")
