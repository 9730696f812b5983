"""What every feature layout offers: F numbers per frame to joints and back.

All layouts share four root channels (turn, two planar steps, height), so the root's path is one cumulative sum.
Leading axes are free; (B, T) is the usual case.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import ClassVar

import torch
from einops import rearrange
from torch import Tensor

from scalemogen.errors import UserError
from scalemogen.motion.planes import squares
from scalemogen.motion.record import Motion
from scalemogen.motion.rotations import turn_about_y
from scalemogen.skeletons import Skeleton

ROOT = 4
"""Channels of the root: turn, step to the left (x), step forward (z), height."""

SIZES = {"positions": 3, "rotations": 6, "velocities": 3}
"""Channels of one joint per block."""

FACING = (0, 1, 2, 3)
"""Left hip, right hip, left shoulder, right shoulder among the joints of `facing_joints`."""

CONTACT_SPEED = 0.3
"""Metres per second."""

CONTACT_HEIGHT = 0.05
"""Metres."""


class FeatureLayout(ABC):
    """Abstract feature layout.

    Attributes:
        name: the name under which data and models store it.
        turn: radians of heading, counted from +Z to +X, per unit of the turn channel.
        step_after_turn: whether planar steps are given in the heading of the next frame or of this one.
        blocks: blocks of joints in the order of the features, after the root channels and before the contacts, with
            the joint that each begins with.
    """

    name: ClassVar[str]
    turn: ClassVar[float]
    step_after_turn: ClassVar[bool]
    blocks: ClassVar[Mapping[str, int]]

    def width(self, skeleton: Skeleton) -> int:
        """Return F, the features per frame."""
        return sum(len(channels) for channels in self.groups(skeleton).values())

    def groups(self, skeleton: Skeleton) -> dict[str, tuple[int, ...]]:
        """Return the channel groups that share one standard deviation, by name, in the order of the features.

        They partition the features.
        """
        joints = len(skeleton.joints)
        blocks = {name: SIZES[name] * (joints - first) for name, first in self.blocks.items()}
        sizes = {"turn": 1, "step": 2, "height": 1, **blocks, "contacts": check_contacts(skeleton)}
        ends = accumulate(sizes.values())
        return {name: tuple(range(end - size, end)) for (name, size), end in zip(sizes.items(), ends, strict=True)}

    def channels(self, skeleton: Skeleton) -> tuple[tuple[int, ...], ...]:
        """Return each joint's feature indices, root first; every feature belongs to exactly one joint.

        Joint 0 has the root channels; contact k belongs to `skeleton.contacts[k]`.
        """
        groups, joints = self.groups(skeleton), len(skeleton.joints)
        found: list[list[int]] = [list(range(ROOT)), *([] for _ in range(joints - 1))]
        for name, first in self.blocks.items():
            size = SIZES[name]
            for joint in range(first, joints):
                start = (joint - first) * size
                found[joint] += groups[name][start : start + size]
        for joint, channel in zip(skeleton.contacts, groups["contacts"], strict=True):
            found[joint].append(channel)
        return tuple(tuple(channels) for channels in found)

    @abstractmethod
    def encode(self, positions: Tensor, rotations: Tensor, skeleton: Skeleton, fps: float = 20.0) -> Tensor:
        """Return features (..., T-1, F); the last frame is lost, since velocities look one frame ahead.

        Args:
            positions: (..., T, J, 3) metres, Y up.
            rotations: (..., T, J, 4) local unit quaternions xyzw.
            skeleton: its offsets must be the bones of the positions for rotations to come back.
            fps: frame rate of the input.
        """

    @abstractmethod
    def positions(self, features: Tensor) -> Tensor:
        """Return joints (..., T, J, 3) in the world from features (..., T, F); differentiable.

        The motion starts over the origin at heading 0.
        """

    @abstractmethod
    def decode(self, features: Tensor, skeleton: Skeleton) -> tuple[Tensor, Tensor]:
        """Return joints (..., T, J, 3) in the world and local rotations (..., T, J, 4) from features (..., T, F)."""

    def root_path(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return heading (..., T) in radians, unwrapped, and position (..., T, 3) of the root; differentiable."""
        start = torch.zeros_like(features[..., :1, 0])
        turns = self.turn * features[..., :-1, 0].cumsum(-1)
        angle = torch.cat((start, turns), dim=-1)
        at = angle[..., 1:] if self.step_after_turn else angle[..., :-1]
        sin, cos = torch.sin(at), torch.cos(at)
        left, forward = features[..., :-1, 1], features[..., :-1, 2]
        x = torch.cat((start, (cos * left + sin * forward).cumsum(-1)), dim=-1)
        z = torch.cat((start, (cos * forward - sin * left).cumsum(-1)), dim=-1)
        return angle, torch.stack((x, features[..., 3], z), dim=-1)

    def from_motion(self, motion: Motion) -> Tensor:
        """Return float32 features (T-1, F) of one motion.

        A person with bones of their own should be retargeted first (`Motion.retargeted`): `decode` knows only the
        skeleton's.

        Raises:
            UserError: the motion has fewer than two frames.
        """
        if motion.frames < 2:
            raise UserError(f"a motion of {motion.frames} frame has no velocities: at least 2 frames are needed")
        return self.encode(motion.positions, motion.rotations, motion.skeleton, motion.fps)

    def to_motion(self, features: Tensor, skeleton: Skeleton, fps: float) -> Motion:
        """Return the motion of features (T, F)."""
        with torch.no_grad():
            positions, rotations = self.decode(features.float(), skeleton)
        return Motion(skeleton, positions, rotations, fps)

    def root_channels(self, angle: Tensor, root: Tensor) -> Tensor:
        """Return the four root channels (4, ..., T-1) from heading (..., T) and root positions (..., T, 3)."""
        at = angle[..., 1:] if self.step_after_turn else angle[..., :-1]
        step = turn_about_y(root.diff(dim=-2), -at)
        turns = angle.diff(dim=-1) / self.turn
        return torch.stack((turns, step[..., 0], step[..., 2], root[..., :-1, 1]))


def check_contacts(skeleton: Skeleton) -> int:
    """Return the number of contact channels.

    Raises:
        UserError: so many that the number of joints no longer follows from the number of features.
    """
    count = len(skeleton.contacts)
    if count > 11:
        raise UserError(f"skeleton {skeleton.name} has {count} contact joints; at most 11 are allowed")
    return count


def joint_count(width: int, fixed: int) -> int:
    """Return J from a width of 12 J + fixed + contacts."""
    return (width - fixed) // 12


def find_contacts(joints: Tensor, skeleton: Skeleton, fps: float) -> Tensor:
    """Return 1 where a foot joint rests on the ground, else 0: (C, ..., T-1), same type as joints (J, 3, ..., T).

    A joint rests while it is slower than CONTACT_SPEED and less than CONTACT_HEIGHT above its own lowest point.
    """
    feet = joints[list(skeleton.contacts)]
    speed = squares(feet.diff(dim=-1)).sqrt() * fps
    lift = (feet[:, 1] - feet[:, 1].amin(dim=-1, keepdim=True))[..., :-1]
    return ((speed < CONTACT_SPEED) & (lift < CONTACT_HEIGHT)).to(joints)


def facing_joints(positions: Tensor, facing: Sequence[int]) -> Tensor:
    """Return the joints (..., T, 4, 3) that tell the heading of joints (..., T, J, 3), float64."""
    return positions[..., list(facing), :].double()


def split(values: Tensor, size: int) -> Tensor:
    """Return (..., joints * size) as (..., joints, size)."""
    return rearrange(values, "... (j c) -> ... j c", c=size)
