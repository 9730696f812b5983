"""The shipped skeletons, and skeletons from YAML files of the same form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from scalemogen.errors import UserError
from scalemogen.skeletons.skeleton import Links, Skeleton

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
    """What a skeleton file may hold: everything by name."""

    model_config = ConfigDict(extra="forbid")
    name: str
    joints: list[_Joint]
    contacts: list[str]
    mirror: list[tuple[str, str]]
    facing: tuple[str, str, str, str]
    levels: list[dict[str, list[str]]]
    links: list[Literal["bones"] | list[tuple[str, str]]]
    parts: dict[str, list[str]]
    chains: dict[str, list[list[list[str]]]]


def _read(path: Path | Traversable) -> Skeleton:
    try:
        return _build(_File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read skeleton {path}: {getattr(error, 'strerror', None) or error}") from error
    except yaml.YAMLError as error:
        raise UserError(f"skeleton {path} is not YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(step) for step in first["loc"]) or "the file"
        raise UserError(f"skeleton {path}: {field}: {first['msg']}, got {first['input']!r:.80}") from error
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
    mirror = list(range(len(parents)))
    for one, other in file.mirror:
        mirror[joints[one]], mirror[joints[other]] = joints[other], joints[one]
    levels = [joints, *(_Names("node", list(level)) for level in file.levels)]
    parts = _Names("part", list(file.levels[-1]) if file.levels else [])
    left, right, left_shoulder, right_shoulder = joints.all(file.facing)
    return Skeleton(
        name=file.name,
        joints=joints.names,
        parents=parents,
        offsets=tuple(joint.offset for joint in file.joints),
        contacts=joints.all(file.contacts),
        mirror=tuple(mirror),
        facing=(left, right, left_shoulder, right_shoulder),
        pools=tuple(
            tuple(tuple(sorted(finer.all(nodes))) for nodes in level.values())
            for finer, level in zip(levels, file.levels, strict=False)
        ),
        parts=parts.names,
        part_chains=tuple(
            (name, tuple(tuple(parts.all(group) for group in partition) for partition in partitions))
            for name, partitions in file.chains.items()
        ),
        links=tuple(_links(nodes, links, parents) for nodes, links in zip(levels, file.links, strict=False)),
        part_of=_part_of(joints, parts, file.parts),
    )


def _links(nodes: _Names, links: Any, parents: Sequence[int]) -> Links:
    if links == "bones":
        return tuple((parent, joint) for joint, parent in enumerate(parents) if parent >= 0)
    pairs = [sorted(nodes.all(link)) for link in links]
    return tuple((one, other) for one, other in pairs)


def _part_of(joints: _Names, parts: _Names, members: Mapping[str, Sequence[str]]) -> tuple[int, ...]:
    part_of: dict[int, int] = {}
    for part, names in members.items():
        for joint in joints.all(names):
            if joint in part_of:
                raise UserError(f"joint {joints.names[joint]} is in part {parts.names[part_of[joint]]} and in {part}")
            part_of[joint] = parts[part]
    missing = [name for number, name in enumerate(joints.names) if number not in part_of]
    if missing:
        raise UserError(f"no part holds joint {missing[0]}")
    return tuple(part_of[joint] for joint in range(len(joints.names)))
