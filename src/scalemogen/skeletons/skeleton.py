"""The joint tree that motions live on, with its coarser levels and body parts, as plain frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from pydantic import TypeAdapter, ValidationError

from scalemogen.errors import UserError
from scalemogen.files import digest_json
from scalemogen.skeletons.checks import check_skeleton
from scalemogen.skeletons.sides import joint_sides

Pool = tuple[tuple[int, ...], ...]
"""Groups of finer nodes, one for each coarser node; groups may share border nodes."""

Partition = tuple[tuple[int, ...], ...]
"""Groups of body parts; every part is in exactly one."""

Links = tuple[tuple[int, int], ...]
"""Pairs of neighbouring nodes of one level, smaller number first."""


@dataclass(frozen=True)
class Skeleton:
    """A joint tree and its hierarchy: J joints, coarser nodes, G body parts, chains of partitions of the parts.

    Lengths are in metres, Y is up, the left side is at positive X and the front at positive Z, wherever the
    skeleton's own data allow it.

    Attributes:
        name: name of the skeleton.
        joints: J names.
        parents: number of each joint's parent; -1 for the root, which is joint 0; a parent comes before its children.
        offsets: rest pose, metres, each in the parent's frame; the root's own is not used.
        contacts: foot joints in the order of the contact channels; may be empty.
        mirror: left or right partner of each joint, itself for the middle; partners have partners as parents.
        facing: left hip, right hip, left shoulder, right shoulder: the joints that tell where the body faces.
            All equal where the skeleton has no sides.
        pools: level l holds, for each coarser node, the increasing numbers of its finer nodes. Groups may share
            border nodes, as in the paper's release; each finer node is in at least one group.
        parts: names of the G nodes of the last level.
        part_chains: named chains of partitions of range(G), coarse to fine; see `check_chain`.
        links: for level 0 (the joints) and every coarser one, the pairs of neighbouring nodes.
        part_of: for each joint the one body part that a person would count it to.

    Raises:
        UserError: a field is unsound; the message names it.
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: tuple[tuple[float, float, float], ...]
    contacts: tuple[int, ...]
    mirror: tuple[int, ...]
    facing: tuple[int, int, int, int]
    pools: tuple[Pool, ...]
    parts: tuple[str, ...]
    part_chains: tuple[tuple[str, tuple[Partition, ...]], ...]
    links: tuple[Links, ...]
    part_of: tuple[int, ...]

    def __post_init__(self) -> None:
        check_skeleton(self)

    @property
    def levels(self) -> tuple[int, ...]:
        """Number of nodes of every level: J joints first, G parts last."""
        return (len(self.joints), *(len(groups) for groups in self.pools))

    @property
    def digest(self) -> str:
        """Digest of every field: models trained on skeletons with equal digests fit each other."""
        return digest_json(self.to_dict())

    @property
    def sides(self) -> tuple[int, ...]:
        """1 for every joint on the left, -1 on the right, 0 in the middle."""
        return joint_sides(self.joints, self.parents, self.offsets, self.mirror)

    def adjacency(self, level: int) -> list[list[int]]:
        """Return the 0/1 matrix of a level's neighbouring nodes; a node is its own neighbour.

        Args:
            level: 0 for the joints, up to `len(pools)` for the body parts.
        """
        count = self.levels[level]
        matrix = [[int(row == column) for column in range(count)] for row in range(count)]
        for one, other in self.links[level]:
            matrix[one][other] = matrix[other][one] = 1
        return matrix

    def chain(self, name: str) -> tuple[Partition, ...]:
        """Return the chain of part partitions of this name, coarse to fine.

        Raises:
            UserError: no such chain; the message lists those there are.
        """
        chains = dict(self.part_chains)
        if name not in chains:
            raise UserError(f"skeleton {self.name} has no part chain {name!r}; it has {', '.join(chains)}")
        return chains[name]

    def part_of_joint(self) -> tuple[int, ...]:
        """Return for each joint the number of the one body part that it counts to (disjoint, unlike `pools`)."""
        return self.part_of

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, for JSON and for checkpoints."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Skeleton:
        """Build from `to_dict`'s result.

        Raises:
            UserError: a field is missing, unknown or unsound.
        """
        names = {field.name for field in fields(cls)}
        if set(value) != names:
            raise UserError(f"not a skeleton: fields missing or unknown: {', '.join(sorted(names ^ set(value)))}")
        try:
            return TypeAdapter(cls).validate_python({name: _frozen(item) for name, item in value.items()})
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(step) for step in first["loc"])
            told = first["msg"].removeprefix("Value error, ")
            wrong = f"not a skeleton: {field}: {told}, got {first['input']!r:.60}"
            raise UserError(wrong if field else told) from error


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value
