"""BVH files to motions: any channel order, any subset of position channels, any unit, any frame rate."""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from scalemogen.errors import UserError
from scalemogen.motion.bvh_text import BVHText, Node, parse
from scalemogen.motion.kinematics import forward_kinematics
from scalemogen.motion.record import SAME_BONES, Motion
from scalemogen.motion.rotation_library import roma
from scalemogen.motion.rotations import multiply, rotate
from scalemogen.skeletons import Skeleton, derive_skeleton

Unit = Literal["auto", "m", "cm", "mm"]
METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}

UPRIGHT = math.cos(math.radians(30.0))
"""A trunk and legs no farther than this from an axis stand along it."""

ALWAYS = 0.9
"""Share of the frames in which a body must stand along Z for the file to be one with Z up."""


def read_bvh(
    source: str | Path | bytes,
    skeleton: Skeleton | None = None,
    fps: float | None = None,
    *,
    drop: Collection[str] = (),
    unit: Unit = "auto",
    name: str | None = None,
) -> Motion:
    """Read a BVH file.

    Position channels of a joint replace its OFFSET, axis by axis. End Sites are left out. A root that is not a joint
    of the person is folded into its only child: one that `skeleton` does not know, or, without a skeleton, one that
    stands still while its child travels.

    Args:
        source: a path, or the bytes of a file (from an archive, say).
        skeleton: joints are matched by name and put in its order; None derives a skeleton from the file.
        fps: frames per second of the result, by slerp; None keeps the file's.
        drop: names of further joints to leave out: a root with one child, or a joint with everything below it.
        unit: of the file; "auto" tells metres, centimetres and millimetres apart by the size of the body.
        name: what messages call the file; its path by default.

    Raises:
        UserError: the file is missing, damaged or empty, its joints are not the skeleton's, or Z is up in it.
    """
    if isinstance(source, bytes):
        label, data = name or "BVH data", source
    else:
        label, data = name or str(source), _read(Path(source))
    text = parse(data, label)
    tree = _Tree.from_text(text)
    for joint in drop:
        tree = tree.without(joint, label)
    while tree.root_is_foreign(skeleton):
        tree = tree.without(tree.names[0], label)
    if skeleton is not None:
        tree = tree.ordered_as(skeleton, label)
    tree = tree.scaled(_metres_per_unit(tree) if unit == "auto" else METRES[unit])
    motion = tree.to_motion(skeleton, _frame_rate(text.frame_time), Path(label).stem)
    _refuse_z_up(motion, label)
    return motion if fps is None else motion.resample(fps)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error


def _frame_rate(frame_time: float) -> float:
    """Frames per second; a whole number where the file's rounded frame time means one (0.0333333 is 30)."""
    rate = 1.0 / frame_time
    whole = round(rate)
    return float(whole) if whole and abs(rate - whole) < 5e-4 * whole else rate


class _Tree:
    """Joints in motion, not yet on a skeleton.

    Attributes:
        names: J joint names.
        parents: J parents, -1 for the root, joint 0.
        rotations: (T, J, 4) float64 quaternions xyzw, local to the parent.
        translations: (T, J, 3) float64, in the parent's frame; the root's in the world.
    """

    def __init__(self, names: list[str], parents: list[int], rotations: Tensor, translations: Tensor) -> None:
        self.names = names
        self.parents = parents
        self.rotations = rotations
        self.translations = translations

    @classmethod
    def from_text(cls, text: BVHText) -> _Tree:
        """Turn channels into rotations and translations, all frames and joints of one channel order at a time."""
        values = torch.from_numpy(text.values)
        nodes = text.nodes
        return cls(
            [node.name for node in nodes],
            [node.parent for node in nodes],
            _rotations(values, nodes),
            _translations(values, nodes),
        )

    def root_is_foreign(self, skeleton: Skeleton | None) -> bool:
        """Return whether the root is a scene node above the person."""
        children = [joint for joint, parent in enumerate(self.parents) if parent == 0]
        if len(children) != 1:
            return False
        if skeleton is not None:
            return self.names[0] not in skeleton.joints
        still = torch.stack([_travel(self.translations[:, 0]), _travel(self.rotations[:, 0])]).max() < 1e-6
        return bool(still) and bool(_travel(self.translations[:, children[0]]) > 1e-6)

    def without(self, joint: str, label: str) -> _Tree:
        """Leave out a joint: the root is folded into its only child, any other goes with all that hangs on it."""
        if joint not in self.names:
            return self
        index = self.names.index(joint)
        if index > 0:
            gone = {index}
            for child, parent in enumerate(self.parents):
                if parent in gone:
                    gone.add(child)
            return self._keep([j for j in range(len(self.names)) if j not in gone])
        children = [j for j, parent in enumerate(self.parents) if parent == 0]
        if len(children) != 1:
            raise UserError(f"{label}: cannot leave out the root {joint}: it has {len(children)} children, not 1")
        child = children[0]
        turn, shift = self.rotations[:, 0], self.translations[:, 0]
        rotations, translations = self.rotations.clone(), self.translations.clone()
        rotations[:, child] = multiply(turn, self.rotations[:, child])
        translations[:, child] = shift + rotate(turn, self.translations[:, child])
        parents = [-1 if parent == 0 else parent for parent in self.parents]
        return _Tree(self.names, parents, rotations, translations)._keep(list(range(1, len(self.names))))

    def ordered_as(self, skeleton: Skeleton, label: str) -> _Tree:
        """Return the joints in the skeleton's order."""
        missing = [joint for joint in skeleton.joints if joint not in self.names]
        extra = [joint for joint in self.names if joint not in skeleton.joints]
        if missing or extra:
            told = [
                f"{kind} {', '.join(joints)}" for kind, joints in (("missing", missing), ("extra", extra)) if joints
            ]
            raise UserError(f"{label}: joints are not those of skeleton {skeleton.name}: {'; '.join(told)}")
        order = [self.names.index(joint) for joint in skeleton.joints]
        found = self._keep(order)
        for joint, mine, its in zip(skeleton.joints, found.parents, skeleton.parents, strict=True):
            if mine != its:
                names = [skeleton.joints[p] if p >= 0 else "nothing" for p in (mine, its)]
                raise UserError(
                    f"{label}: joint {joint} hangs on {names[0]}, in skeleton {skeleton.name} on {names[1]}"
                )
        return found

    def _keep(self, order: list[int]) -> _Tree:
        place = {old: new for new, old in enumerate(order)}
        parents = [place.get(self.parents[old], -1) for old in order]
        names = [self.names[old] for old in order]
        return _Tree(names, parents, self.rotations[:, order], self.translations[:, order])

    def scaled(self, factor: float) -> _Tree:
        """Return with all lengths times `factor`."""
        return _Tree(self.names, self.parents, self.rotations, self.translations * factor)

    def to_motion(self, skeleton: Skeleton | None, fps: float, title: str) -> Motion:
        """Return the motion, on `skeleton` or on one derived from the tree."""
        own = self.translations.mean(dim=0).float()
        own[0] = 0.0
        if skeleton is None:
            offsets = [tuple(offset) for offset in own.tolist()]
            skeleton = derive_skeleton(title, self.names, self.parents, offsets)
        drift = (own - torch.tensor(skeleton.offsets))[1:].abs()
        positions = forward_kinematics(self.rotations, self.translations[:, 0], self.translations, self.parents)
        same = drift.numel() == 0 or bool(drift.max() < SAME_BONES)
        return Motion(skeleton, positions.float(), self.rotations.float(), fps, None if same else own)


def _refuse_z_up(motion: Motion, label: str) -> None:
    """Refuse a person who stands along Z all the time and stays there; one who lies, mostly does so for a while.

    Both trunk and legs must: the trunk of an animal on four legs lies along Z. Who swims along Z, travels.

    Raises:
        UserError: Z is up, it seems.
    """
    joints, skeleton = motion.positions.double(), motion.skeleton
    if not skeleton.contacts:
        return
    feet, shoulders = (joints[:, list(some)].mean(dim=1) for some in (skeleton.contacts, skeleton.facing[2:]))
    legs, trunk = motion.root - feet, shoulders - motion.root
    upright = [part[:, 2].abs() > UPRIGHT * torch.linalg.vector_norm(part, dim=-1) for part in (legs, trunk)]
    along = upright[0] & upright[1] & (legs[:, 2] * trunk[:, 2] > 0)
    tall = torch.linalg.vector_norm(shoulders - feet, dim=-1).median()
    if along.double().mean() >= ALWAYS and _travel(motion.root[:, 2:]) < tall:
        raise UserError(
            f"{label}: this file seems to have Z up: the body stands along Z; Y must be up."
            " Turn it by -90 degrees about X, so that x, y, z become x, z, -y, and give it again"
        )


def _travel(values: Tensor) -> Tensor:
    return (values.amax(dim=0) - values.amin(dim=0)).max()


def _rotations(values: Tensor, nodes: tuple[Node, ...]) -> Tensor:
    rotations = values.new_tensor([0.0, 0.0, 0.0, 1.0]).repeat(len(values), len(nodes), 1)
    by_order: dict[str, list[int]] = {}
    for joint, node in enumerate(nodes):
        by_order.setdefault("".join(axis for _, axis in node.columns("rotation")), []).append(joint)
    for order, joints in by_order.items():
        if order:
            columns = [[column for column, _ in nodes[joint].columns("rotation")] for joint in joints]
            angles = torch.deg2rad(values[:, columns])
            rotations[:, joints] = roma.euler_to_unitquat(order, list(angles.unbind(-1)))
    return rotations


def _translations(values: Tensor, nodes: tuple[Node, ...]) -> Tensor:
    translations = values.new_tensor([node.offset for node in nodes]).repeat(len(values), 1, 1)
    slots = [
        (joint, "XYZ".index(axis), column)
        for joint, node in enumerate(nodes)
        for column, axis in node.columns("position")
    ]
    if slots:
        joints, axes, columns = (list(part) for part in zip(*slots, strict=True))
        translations[:, joints, axes] = values[:, columns]
    return translations


def _metres_per_unit(tree: _Tree) -> float:
    """Guess the unit from the longest way through the body along bones, about 2.2 m for an adult (hand to toe)."""
    lengths = np.linalg.norm(tree.translations[0].numpy(), axis=-1)
    reach = np.zeros(len(lengths))
    longest = 0.0
    for joint in range(len(lengths) - 1, 0, -1):
        parent = tree.parents[joint]
        limb = reach[joint] + lengths[joint]
        longest = max(longest, reach[parent] + limb)
        reach[parent] = max(reach[parent], limb)
    return METRES["m" if longest < 10 else "cm" if longest < 1000 else "mm"]
