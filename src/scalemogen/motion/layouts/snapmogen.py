"""The snapmogen layout: 12 J + 8 features for four contacts (296 for 24 joints).

Order: turn, step x, step z, height; rotations, positions, velocities of joints 0..J-1; contacts. docs/motion.md lists
every channel. The data set's own numbers are in centimetres.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from scalemogen.motion.heading import heading
from scalemogen.motion.kinematics import global_rotations, local_rotations
from scalemogen.motion.layouts.base import (
    ROOT,
    FeatureLayout,
    assign_channels,
    check_contacts,
    consecutive,
    find_contacts,
    join,
    joint_count,
    split,
)
from scalemogen.motion.rotations import about_y, from_six, multiply, to_six, turn_about_y
from scalemogen.skeletons import Skeleton

FIXED = 4
"""Features without contacts are 12 J + FIXED."""


class SnapMoGenLayout(FeatureLayout):
    """Rotations of all joints in the world, relative to the heading, so that nothing is lost."""

    name: ClassVar[str] = "snapmogen"
    turn: ClassVar[float] = -1.0
    step_after_turn: ClassVar[bool] = False

    def width(self, skeleton: Skeleton) -> int:
        """Return F, the features per frame."""
        return 12 * len(skeleton.joints) + FIXED + check_contacts(skeleton)

    def groups(self, skeleton: Skeleton) -> dict[str, tuple[int, ...]]:
        """Return the channel groups by name, in the order of the features."""
        joints = len(skeleton.joints)
        return consecutive(
            turn=1,
            step=2,
            height=1,
            rotations=6 * joints,
            positions=3 * joints,
            velocities=3 * joints,
            contacts=check_contacts(skeleton),
        )

    def channels(self, skeleton: Skeleton) -> tuple[tuple[int, ...], ...]:
        """Return each joint's feature indices, root first."""
        return assign_channels(self.groups(skeleton), ("rotations", "positions", "velocities"), skeleton)

    def encode(self, positions: Tensor, rotations: Tensor, skeleton: Skeleton, fps: float = 20.0) -> Tensor:
        """Return features (..., T-1, F); see `FeatureLayout.encode`."""
        wide = positions.double()
        angle = heading(wide, skeleton.facing, fps)
        flat = wide.new_tensor([1.0, 0.0, 1.0])
        placed = turn_about_y(wide - wide[..., :1, :] * flat, -angle[..., None])
        turned = multiply(about_y(-angle)[..., None, :], global_rotations(rotations.double(), skeleton.parents))
        blocks = (to_six(turned)[..., :-1, :, :], placed[..., :-1, :, :], placed.diff(dim=-3))
        root = self.root_channels(angle, wide[..., 0, :])
        contacts = find_contacts(wide, skeleton, fps)
        return torch.cat((root, *(join(block) for block in blocks), contacts), dim=-1).to(positions)

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
