"""The humanml3d layout as the data sets HumanML3D (22 joints) and KIT-ML (21) publish it, with its faults.

For data and weights made elsewhere. Rotations come from positions alone and hold no twist; the heading mixes the
signs of hips and shoulders and turns the wrong way where it passes 180 degrees. docs/motion.md has the measurements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from scalemogen.errors import UserError
from scalemogen.motion.heading import facing_angle, smooth
from scalemogen.motion.kinematics import inverse_kinematics
from scalemogen.motion.layouts.base import FACING, facing_joints
from scalemogen.motion.layouts.humanml3d import HumanML3DBlocks
from scalemogen.motion.planes import (
    inverse_planes,
    multiply_planes,
    six_planes,
    squares,
    swing_planes,
    to_planes,
    turn_planes,
    turns_planes,
)
from scalemogen.motion.rotations import turn_about_y
from scalemogen.skeletons import Skeleton

SMOOTHING_FRAMES = 20.0
_RIGHT, _UP, _DOWN, _LEFT, _FRONT = (-1, 0, 0), (0, 1, 0), (0, -1, 0), (1, 0, 0), (0, 0, 1)


@dataclass(frozen=True)
class _Convention:
    """What the published numbers of one data set rest on.

    Attributes:
        axes: direction of the bone that leads to each joint, in its rest pose; the root's is not used.
        facing: left hip, right hip, left shoulder, right shoulder, as the data set counts left and right.
        contact: squared distance per frame below which a foot joint counts as resting, in the data's unit.
    """

    axes: tuple[tuple[int, int, int], ...]
    facing: tuple[int, int, int, int]
    contact: float


_HUMANML3D = {
    (0, 3, 6, 9, 12): _UP,
    (1, 13): _LEFT,
    (2, 14): _RIGHT,
    (4, 5, 7, 8, 16, 17, 18, 19, 20, 21): _DOWN,
    (10, 11, 15): _FRONT,
}
_KIT = {
    (0, 1, 2, 3, 4): _UP,
    (5, 11): _LEFT,
    (8, 16): _RIGHT,
    (6, 7, 9, 10, 12, 13, 17, 18): _DOWN,
    (14, 15, 19, 20): _FRONT,
}


def _axes(directions: dict[tuple[int, ...], tuple[int, int, int]]) -> tuple[tuple[int, int, int], ...]:
    by_joint = {joint: axis for joints, axis in directions.items() for joint in joints}
    return tuple(by_joint[joint] for joint in range(len(by_joint)))


CONVENTIONS = {
    "humanml3d": _Convention(_axes(_HUMANML3D), (1, 2, 16, 17), 0.002),
    "kit": _Convention(_axes(_KIT), (16, 11, 8, 5), 0.05),
}


class PublishedHumanML3DLayout(HumanML3DBlocks):
    """Published definition; only for the skeletons of `CONVENTIONS`.

    Positions come back as published readers compute them. Rotations are fitted to the positions: those stored cannot
    be turned into poses without twist errors.
    """

    name: ClassVar[str] = "humanml3d-published"

    def encode(self, positions: Tensor, rotations: Tensor, skeleton: Skeleton, fps: float = 20.0) -> Tensor:
        """Return features (..., T-1, F) from positions alone; `rotations` and `fps` do not enter.

        The motion is first turned so that its first frame faces +Z; its floor is left as it is.

        Raises:
            UserError: no published definition for this skeleton.
        """
        convention = CONVENTIONS.get(skeleton.name)
        if convention is None:
            raise UserError(
                f"layout {self.name} is not defined for skeleton {skeleton.name!r}; allowed: {', '.join(CONVENTIONS)}"
            )
        seen = facing_joints(positions, convention.facing)
        start = facing_angle(seen[..., :1, :, :], FACING)
        angle = _heading(turn_about_y(seen, -start[..., None]))
        joints = to_planes(positions)
        now = joints[..., :-1]
        bones = turn_planes(now[1:] - now[list(skeleton.parents[1:])], -start)
        swings = _swings(bones, angle[..., :-1], convention.axes, skeleton.parents)
        angle = angle + start
        root = self.root_channels(angle, positions[..., 0, :].double())
        root = torch.cat((torch.asin(torch.sin(root[:1])), root[1:]))
        feet = joints[list(skeleton.contacts)].diff(dim=-1)
        contacts = (squares(feet) < convention.contact).to(joints)
        return self.assemble(root, joints, angle, six_planes(swings), contacts)

    def decode(self, features: Tensor, skeleton: Skeleton) -> tuple[Tensor, Tensor]:
        """Return joints (..., T, J, 3) and local rotations (..., T, J, 4) fitted to them, free of twist."""
        positions = self.positions(features)
        offsets = features.new_tensor(skeleton.offsets)
        return positions, inverse_kinematics(positions, offsets, skeleton.parents)


def _heading(seen: Tensor) -> Tensor:
    """Return the heading (..., T) in (-pi, pi], with its jumps, from the joints (..., T, 4, 3) of `facing_joints`.

    Left and right hip are exchanged; the first frame is set to 0 whatever it shows.
    """
    left_hip, right_hip, left_shoulder, right_shoulder = seen.unbind(-2)
    across = left_hip - right_hip + right_shoulder - left_shoulder
    across = across / torch.linalg.vector_norm(across, dim=-1, keepdim=True)
    forward_x = smooth(across[..., 2], SMOOTHING_FRAMES)
    forward_z = smooth(-across[..., 0], SMOOTHING_FRAMES)
    angle = torch.atan2(forward_x, forward_z)
    return torch.cat((torch.zeros_like(angle[..., :1]), angle[..., 1:]), dim=-1)


def _swings(bones: Tensor, angle: Tensor, axes: Sequence[Sequence[int]], parents: tuple[int, ...]) -> Tensor:
    """Return rotations (J-1, 4, ...): the swing of each bone (J-1, 3, ...) out of its axis, within the one before it.

    The first child of a joint continues its chain; any other, and every child of the root, starts a new chain from
    the inverse of the heading (...).
    """
    swings = swing_planes(axes[1:], bones)
    back = torch.cat((turns_planes(angle, swings), inverse_planes(swings)))
    sources = [
        parent if parent > 0 and parents.index(parent) == joint else 0
        for joint, parent in enumerate(parents[1:], start=1)
    ]
    return multiply_planes(back[sources], swings)
