"""The shipped skeletons, and skeletons from YAML files of the same form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from scalemogen.errors import UserError
from scalemogen.skeletons.derive import derive_skeleton
from scalemogen.skeletons.skeleton import Links, Partition, Pool, Skeleton
from scalemogen.skeletons.yaml_files import read_yaml

SKELETONS = ("humanml3d", "kit", "snapmogen", "bandai_namco")
"""Names of the shipped skeletons."""


def get_skeleton(name_or_path: str | Path) -> Skeleton:
    """Return a shipped skeleton by name, or the one that a YAML file defines (see docs/skeletons.md).

    Args:
        name_or_path: a name of `SKELETONS`, or the path of a `.yaml` or `.yml` file.

    Raises:
        UserError: no such skeleton or file, or the file is not a sound skeleton.
    """
    if str(name_or_path) in SKELETONS:
        return _shipped(str(name_or_path))
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        raise UserError(f"no skeleton {str(name_or_path)!r}; give one of {', '.join(SKELETONS)} or a .yaml file")
    return _read(path)


@cache
def _shipped(name: str) -> Skeleton:
    return _read(resources.files("scalemogen.skeletons") / "data" / f"{name}.yaml")


class _Joint(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    parent: str | None
    offset: tuple[float, float, float]


class _File(BaseModel):
    """What a skeleton file may hold: everything by name. What is left out is derived from the tree."""

    model_config = ConfigDict(extra="forbid")
    name: str
    joints: list[_Joint]
    contacts: list[str] | None = None
    mirror: list[tuple[str, str]] | None = None
    facing: tuple[str, str, str, str] | None = None
    levels: list[dict[str, list[str]]] | None = None
    links: list[Literal["bones"] | list[tuple[str, str]]] | None = None
    parts: dict[str, list[str]] | None = None
    chains: dict[str, list[list[list[str]]]] | None = None


def _read(path: Path | Traversable) -> Skeleton:
    file = read_yaml(path, _File, "skeleton")
    try:
        return _build(file)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


class _Names:
    """Numbers of the names of one level, with an error that lists them."""

    def __init__(self, kind: str, names: Sequence[str]) -> None:
        self.kind = kind
        self.names = tuple(names)
        self.numbers = {name: number for number, name in enumerate(names)}

    def __getitem__(self, name: str) -> int:
        if name not in self.numbers:
            raise UserError(f"no {self.kind} {name!r}; there are {', '.join(self.names)}")
        return self.numbers[name]

    def all(self, names: Sequence[str]) -> tuple[int, ...]:
        return tuple(self[name] for name in names)


def _build(file: _File) -> Skeleton:
    joints = _Names("joint", [joint.name for joint in file.joints])
    parents = tuple(-1 if joint.parent is None else joints[joint.parent] for joint in file.joints)
    parts = None if file.parts is None else {part: joints.all(names) for part, names in file.parts.items()}
    levels = [joints, *(_Names("node", list(level)) for level in file.levels or ())]
    if file.levels is not None and parts is not None:
        last = levels[-1].names
        if set(last) != set(parts):
            raise UserError(f"the groups of the last level, {', '.join(last)}, are not the parts: {', '.join(parts)}")
        parts = {part: parts[part] for part in last}
    return derive_skeleton(
        file.name,
        joints.names,
        parents,
        [joint.offset for joint in file.joints],
        contacts=None if file.contacts is None else joints.all(file.contacts),
        mirror=None if file.mirror is None else _mirror(joints, file.mirror),
        facing=None if file.facing is None else joints.all(file.facing),
        parts=parts,
        pools=None if file.levels is None else _pools(levels, file.levels),
        links=None if file.links is None else _links(levels, file.links, parents),
        chains=None if file.chains is None else _chains(file.chains, parts),
    )


def _mirror(joints: _Names, pairs: Sequence[tuple[str, str]]) -> list[int]:
    mirror = list(range(len(joints.names)))
    for one, other in pairs:
        mirror[joints[one]], mirror[joints[other]] = joints[other], joints[one]
    return mirror


def _pools(levels: Sequence[_Names], groups: Sequence[Mapping[str, Sequence[str]]]) -> list[Pool]:
    return [
        tuple(tuple(sorted(finer.all(nodes))) for nodes in level.values())
        for finer, level in zip(levels, groups, strict=False)
    ]


def _links(levels: Sequence[_Names], links: Sequence[Any], parents: Sequence[int]) -> list[Links]:
    if len(links) != len(levels):
        raise UserError(f"links are needed for the joints and each of {len(levels) - 1} levels, got {len(links)}")
    found: list[Links] = []
    for nodes, pairs in zip(levels, links, strict=True):
        if pairs == "bones":
            pairs = [(nodes.names[parent], nodes.names[joint]) for joint, parent in enumerate(parents) if parent >= 0]
        found.append(tuple((min(link), max(link)) for link in (nodes.all(pair) for pair in pairs)))
    return found


def _chains(
    chains: Mapping[str, Sequence[Sequence[Sequence[str]]]], parts: Mapping[str, Sequence[int]] | None
) -> dict[str, list[Partition]]:
    if parts is None:
        raise UserError("chains are given without parts; give the joints of every part too")
    numbers = _Names("part", list(parts))
    return {
        name: [tuple(numbers.all(group) for group in partition) for partition in chain]
        for name, chain in chains.items()
    }
