"""BVH files with the hierarchy of another BVH file: joints, order, rest pose, channels and unit are that file's."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from scalemogen.errors import UserError
from scalemogen.export.bvh import continuous_angles
from scalemogen.export.figure import Array
from scalemogen.files import atomic_path
from scalemogen.motion.bvh_text import BVHText, Node, parse
from scalemogen.motion.record import Motion
from scalemogen.motion.rest import fitted_pose, reposed
from scalemogen.motion.rotation_library import roma

UNITS = (1.0, 100.0, 1000.0)
"""Units per metre that a file may have."""


def write_bvh_like(motion: Motion, path: Path, like: Path) -> None:
    """Write a BVH file whose HIERARCHY section is, letter by letter, that of another file.

    Joints are matched by name. Where bones of the two rest poses point differently, rotations are told from the file's
    rest pose. Joints of the file that the motion does not have stay at rest. A bone has the length that the file says,
    or the motion's own where the file gives its joint position channels.

    Args:
        motion: what to write.
        path: of the new file; appears when complete.
        like: the file to follow.

    Raises:
        UserError: `like` cannot be read or is no BVH file, lacks joints of the motion or has them on other parents,
            gives its root no position channels, or a joint less than three rotation channels; the file cannot be
            written.
    """
    try:
        data = like.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {like}: {error.strerror or error}") from error
    text = parse(data, str(like))
    places = _places(motion, text)
    rest = _rest_bones(motion, text, places)
    units = _units_per_metre(motion, rest)
    turned = reposed(motion, fitted_pose(motion.bones, rest, motion.skeleton.parents))
    values = _values(turned, text, places, units)
    row = " ".join(["%.6f"] * values.shape[1])
    (head,) = re.split(rb"^[ \t]*MOTION\b", data, maxsplit=1, flags=re.M | re.I)[:1]
    lines = ["MOTION", f"Frames: {motion.frames}", f"Frame Time: {1 / motion.fps:.9f}"]
    lines += [row % tuple(frame) for frame in values.tolist()]
    with atomic_path(path) as temporary:
        temporary.write_bytes(head + "\n".join(lines).encode() + b"\n")


def _places(motion: Motion, text: BVHText) -> list[int]:
    """Return for each joint of the motion its node in the file."""
    skeleton = motion.skeleton
    nodes = {"_".join(node.name.split()): index for index, node in enumerate(text.nodes)}
    joints = ["_".join(joint.split()) for joint in skeleton.joints]
    missing = [joint for joint in joints if joint not in nodes]
    if missing:
        raise UserError(f"{text.name} lacks joints of the motion: {', '.join(missing)}")
    places = [nodes[joint] for joint in joints]
    for joint, place, parent in zip(joints, places, skeleton.parents, strict=True):
        above = text.nodes[place].parent
        while above >= 0 and above not in places:
            above = text.nodes[above].parent
        if above != (places[parent] if parent >= 0 else -1):
            raise UserError(f"{text.name}: joint {joint} hangs on another joint than in the motion")
        if len(text.nodes[place].columns("rotation")) != 3:
            raise UserError(f"{text.name}: joint {joint} has not three rotation channels")
    if len(text.nodes[places[0]].columns("position")) != 3:
        raise UserError(f"{text.name}: root {joints[0]} has not three position channels")
    return places


def _shift(text: BVHText, index: int) -> Tensor:
    """Return where a node lies within its parent, in the file's unit: its OFFSET, or its mean place."""
    node = text.nodes[index]
    shift = torch.tensor(node.offset, dtype=torch.float64)
    for column, axis in node.columns("position"):
        shift["XYZ".index(axis)] = float(text.values[:, column].mean())
    return shift


def _way_down(text: BVHText, places: list[int], joint: int) -> list[int]:
    """Return the nodes between a joint and the next joint of the motion above it, neither counted."""
    way, above = [], text.nodes[places[joint]].parent
    while above >= 0 and above not in places:
        way.append(above)
        above = text.nodes[above].parent
    return way


def _rest_bones(motion: Motion, text: BVHText, places: list[int]) -> Tensor:
    """Return the bones (J, 3) of the file's rest pose in its unit; the root's is zero."""
    bones = torch.zeros(len(places), 3, dtype=torch.float64)
    for joint in range(1, len(places)):
        bones[joint] = sum((_shift(text, node) for node in _way_down(text, places, joint)), _shift(text, places[joint]))
    if not bool((torch.linalg.vector_norm(bones, dim=-1) > 0).any()) and len(places) > 1:
        raise UserError(f"{text.name}: all bones have length 0")
    return bones


def _units_per_metre(motion: Motion, rest: Tensor) -> float:
    own, theirs = (float(torch.linalg.vector_norm(bones[1:], dim=-1).sum()) for bones in (motion.bones, rest))
    return min(UNITS, key=lambda units: abs(math.log(theirs / units / own))) if own > 0 and theirs > 0 else UNITS[1]


def _values(motion: Motion, text: BVHText, places: list[int], units: float) -> Array:
    """Return all channels (T, channels) of a motion whose rest pose is the file's."""
    values = np.zeros((motion.frames, text.values.shape[1]))
    bones, root = motion.bones.double() * units, motion.root.double() * units
    for index, node in enumerate(text.nodes):
        shift = torch.tensor(node.offset, dtype=torch.float64).expand(motion.frames, 3)
        if index in places:
            joint = places.index(index)
            own = bones[joint].expand(motion.frames, 3) if joint else root
            between = [torch.tensor(text.nodes[above].offset).double() for above in _way_down(text, places, joint)]
            shift = own - sum(between, torch.zeros(3, dtype=torch.float64))
            values[:, _columns(node, "rotation")] = _angles(motion.rotations[:, joint].double(), node)
        for column, axis in node.columns("position"):
            values[:, column] = shift[:, "XYZ".index(axis)]
    return values


def _columns(node: Node, kind: str) -> list[int]:
    return [column for column, _ in node.columns(kind)]


def _angles(rotations: Tensor, node: Node) -> Array:
    """Return degrees (T, 3) in the node's order of axes."""
    order = "".join(axis for _, axis in node.columns("rotation"))
    return np.degrees(continuous_angles(np.asarray(roma.unitquat_to_euler(order, rotations))))
