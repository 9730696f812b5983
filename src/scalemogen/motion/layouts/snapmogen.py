"""The snapmogen layout: 12 J + 8 features for four contacts (296 for 24 joints).

Order: turn, step x, step z, height; rotations, positions, velocities of joints 0..J-1; contacts. docs/motion.md lists
every channel. The data set's own numbers are in centimetres.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor

from scalemogen.motion.heading import heading
from scalemogen.motion.kinematics import local_rotations
from scalemogen.motion.layouts.base import (
    FACING,
    ROOT,
    FeatureLayout,
    facing_joints,
    find_contacts,
    joint_count,
    split,
)
from scalemogen.motion.planes import (
    chain_planes,
    from_planes,
    multiply_planes,
    on_ground,
    six_planes,
    to_planes,
    turn_planes,
    turns_planes,
)
from scalemogen.motion.rotations import about_y, from_six, multiply, turn_about_y
from scalemogen.skeletons import Skeleton

FIXED = 4
"""Features without contacts are 12 J + FIXED."""


class SnapMoGenLayout(FeatureLayout):
    """Rotations of all joints in the world, relative to the heading, so that nothing is lost."""

    name: ClassVar[str] = "snapmogen"
    turn: ClassVar[float] = -1.0
    step_after_turn: ClassVar[bool] = False
    blocks: ClassVar[Mapping[str, int]] = MappingProxyType({"rotations": 0, "positions": 0, "velocities": 0})

    def encode(self, positions: Tensor, rotations: Tensor, skeleton: Skeleton, fps: float = 20.0) -> Tensor:
        """Return features (..., T-1, F); see `FeatureLayout.encode`."""
        angle = heading(facing_joints(positions, skeleton.facing), FACING, fps)
        joints, local = to_planes(positions), to_planes(rotations[..., :-1, :, :])
        placed = turn_planes(joints - on_ground(joints[:1]), -angle)
        turned = multiply_planes(turns_planes(-angle[..., :-1], local), local[:1])
        six = six_planes(chain_planes(torch.cat((turned, local[1:])), skeleton.parents)).to(joints)
        root = self.root_channels(angle, positions[..., 0, :].double()).to(joints)
        contacts = find_contacts(joints, skeleton, fps)
        return from_planes(root, six, placed[..., :-1], placed.diff(dim=-1), contacts)

    def positions(self, features: Tensor) -> Tensor:
        """Return joints (..., T, J, 3) from the stored positions and the root's path."""
        joints = joint_count(features.shape[-1], FIXED)
        start = ROOT + 6 * joints
        placed = split(features[..., start : start + 3 * joints], 3)
        angle, root = self.root_path(features)
        flat = root * root.new_tensor([1.0, 0.0, 1.0])
        return turn_about_y(placed, angle[..., None]) + flat[..., None, :]

    def decode(self, features: Tensor, skeleton: Skeleton) -> tuple[Tensor, Tensor]:
        """Return joints (..., T, J, 3) and local rotations (..., T, J, 4)."""
        joints = joint_count(features.shape[-1], FIXED)
        turned = from_six(split(features[..., ROOT : ROOT + 6 * joints], 6))
        angle, _ = self.root_path(features)
        world = multiply(about_y(angle)[..., None, :], turned)
        return self.positions(features), local_rotations(world, skeleton.parents)
