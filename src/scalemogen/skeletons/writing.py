"""Writing a skeleton as the YAML file that `get_skeleton` reads, to be changed by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from scalemogen.errors import UserError
from scalemogen.files import atomic_path
from scalemogen.skeletons.skeleton import Skeleton


def write_skeleton(skeleton: Skeleton, path: str | Path) -> None:
    """Write a `.yaml` file that `get_skeleton` reads back as the same skeleton; middle nodes get plain numbers.

    Raises:
        UserError: the name does not end in .yaml or .yml, or the file cannot be written.
    """
    if Path(path).suffix not in (".yaml", ".yml"):
        raise UserError(f"cannot write skeleton {path}: the name must end in .yaml or .yml")
    text = yaml.safe_dump(_document(skeleton), sort_keys=False, default_flow_style=None, width=118, allow_unicode=True)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _document(skeleton: Skeleton) -> dict[str, Any]:
    joints, parts = skeleton.joints, skeleton.parts
    middle = [[f"node {number}" for number in range(size)] for size in skeleton.levels[1:-1]]
    levels = [joints, *middle, parts]
    return {
        "name": skeleton.name,
        "joints": [
            {"name": name, "parent": None if parent < 0 else joints[parent], "offset": list(offset)}
            for name, parent, offset in zip(joints, skeleton.parents, skeleton.offsets, strict=True)
        ],
        "contacts": _names(joints, skeleton.contacts),
        "mirror": [_names(joints, pair) for pair in enumerate(skeleton.mirror) if pair[0] < pair[1]],
        "facing": _names(joints, skeleton.facing),
        "levels": [
            {node: _names(finer, group) for node, group in zip(coarser, groups, strict=True)}
            for finer, coarser, groups in zip(levels[:-1], levels[1:], skeleton.pools, strict=True)
        ],
        "links": [[_names(nodes, link) for link in links] for nodes, links in zip(levels, skeleton.links, strict=True)],
        "parts": {
            part: [joint for joint, owner in zip(joints, skeleton.part_of, strict=True) if owner == number]
            for number, part in enumerate(parts)
        },
        "chains": {
            name: [[_names(parts, group) for group in partition] for partition in partitions]
            for name, partitions in skeleton.part_chains
        },
    }


def _names(names: Sequence[str], numbers: Iterable[int]) -> list[str]:
    return [names[number] for number in numbers]
