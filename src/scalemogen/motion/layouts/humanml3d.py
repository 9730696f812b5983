"""The humanml3d layout: 12 J - 1 features for four contacts (263 for 22 joints, 251 for 21).

Order: turn, step x, step z, height; positions of joints 1..J-1; rotations of joints 1..J-1; velocities of joints
0..J-1; contacts. docs/motion.md lists every channel and how the mended and the published definition differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from scalemogen.motion.heading import heading
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
    from_planes,
    multiply_planes,
    on_ground,
    six_planes,
    to_planes,
    turn_planes,
    turns_planes,
)
from scalemogen.motion.rotations import about_y, fit_rotation, from_six, inverse, multiply, turn_about_y
from scalemogen.skeletons import Skeleton

FIXED = -5
"""Features without contacts are 12 J + FIXED."""


class Blocks(NamedTuple):
    """Features cut into blocks: root (..., 4), contacts (..., C), the others (..., joints, size)."""

    root: Tensor
    positions: Tensor
    rotations: Tensor
    velocities: Tensor
    contacts: Tensor


class HumanML3DBlocks(FeatureLayout):
    """What both definitions share: the order of channels and the way back to joint positions (abstract)."""

    turn: ClassVar[float] = -2.0
    step_after_turn: ClassVar[bool] = True
    blocks: ClassVar[Mapping[str, int]] = MappingProxyType({"positions": 1, "rotations": 1, "velocities": 0})

    def cut(self, features: Tensor) -> Blocks:
        """Cut features (..., F) into blocks."""
        joints = joint_count(features.shape[-1], FIXED)
        sizes = [ROOT, 3 * (joints - 1), 6 * (joints - 1), 3 * joints]
        sizes.append(features.shape[-1] - sum(sizes))
        root, positions, rotations, velocities, contacts = torch.split(features, sizes, dim=-1)
        return Blocks(root, split(positions, 3), split(rotations, 6), split(velocities, 3), contacts)

    def positions(self, features: Tensor) -> Tensor:
        """Return joints (..., T, J, 3) from the stored positions and the root's path."""
        angle, root = self.root_path(features)
        flat = root * root.new_tensor([1.0, 0.0, 1.0])
        others = turn_about_y(self.cut(features).positions, angle[..., None]) + flat[..., None, :]
        return torch.cat((root[..., None, :], others), dim=-2)

    def assemble(self, root: Tensor, joints: Tensor, angle: Tensor, six: Tensor, contacts: Tensor) -> Tensor:
        """Return features (..., T-1, F), of the type of the joints.

        Args:
            root: (4, ..., T-1) root channels.
            joints: (J, 3, ..., T).
            angle: (..., T) heading.
            six: (J-1, 6, ..., T-1) rotations.
            contacts: (C, ..., T-1).
        """
        back, now = -angle[..., :-1], joints[..., :-1]
        placed = turn_planes(now[1:] - on_ground(now[:1]), back)
        velocities = turn_planes(joints.diff(dim=-1), back)
        return from_planes(root.to(joints), placed, six, velocities, contacts)


class HumanML3DLayout(HumanML3DBlocks):
    """Mended definition: true facing direction, turns never the wrong way, rotations that can be recovered.

    Rotations are local to the parent, those of the root's children relative to the heading; the root's own tilt is
    not stored and comes back by fitting its children's offsets to their positions. A root whose children lie on one
    line comes back up to a twist about that line: the twist of its first child, which is right for a root that its
    child does not turn against. Rotations in the world below the root are right in any case.
    """

    name: ClassVar[str] = "humanml3d"

    def encode(self, positions: Tensor, rotations: Tensor, skeleton: Skeleton, fps: float = 20.0) -> Tensor:
        """Return features (..., T-1, F); see `FeatureLayout.encode`."""
        angle = heading(facing_joints(positions, skeleton.facing), FACING, fps)
        joints, local = to_planes(positions), to_planes(rotations[..., :-1, :, :])
        tilt = multiply_planes(turns_planes(-angle[..., :-1], local), local[:1])
        children = [j for j, parent in enumerate(skeleton.parents) if parent == 0]
        places = torch.tensor(children, device=local.device)
        stored = local.index_copy(0, places, multiply_planes(tilt, local[children]))
        root = self.root_channels(angle, positions[..., 0, :].double())
        contacts = find_contacts(joints, skeleton, fps)
        return self.assemble(root, joints, angle, six_planes(stored[1:]).to(joints), contacts)

    def decode(self, features: Tensor, skeleton: Skeleton) -> tuple[Tensor, Tensor]:
        """Return joints (..., T, J, 3) and local rotations (..., T, J, 4)."""
        blocks = self.cut(features)
        children = [j for j, parent in enumerate(skeleton.parents) if parent == 0]
        height = features.new_tensor([0.0, 1.0, 0.0]) * blocks.root[..., 3:]
        placed = blocks.positions[..., [j - 1 for j in children], :] - height[..., None, :]
        stored = from_six(blocks.rotations)
        offsets = features.new_tensor(skeleton.offsets)[children]
        tilt = fit_rotation(offsets, placed, start=stored[..., children[0] - 1, :])
        below = _below_root(skeleton, stored)[1:]
        local = torch.where(below, multiply(inverse(tilt)[..., None, :], stored), stored)
        angle, _ = self.root_path(features)
        root = multiply(about_y(angle), tilt)
        return self.positions(features), torch.cat((root[..., None, :], local), dim=-2)


def _below_root(skeleton: Skeleton, like: Tensor) -> Tensor:
    """Return (J, 1) bool: the joint is a child of the root."""
    return torch.tensor([[parent == 0] for parent in skeleton.parents], device=like.device)
