"""Motions for tests: one whose every joint moves, and one that stands still."""

from __future__ import annotations

import math

import roma
import torch

from scalemogen.motion import Motion
from scalemogen.motion.heading import smooth
from scalemogen.skeletons import get_skeleton
from scalemogen.skeletons.limbs import find_limbs

FRAMES, FPS = 23, 20.0


def make_motion(skeleton_name: str = "humanml3d", frames: int = FRAMES, fps: float = FPS, seed: int = 0) -> Motion:
    """Return smooth random rotations on a path that turns by more than a full turn and walks along +Z."""
    skeleton = get_skeleton(skeleton_name)
    draw = torch.Generator().manual_seed(seed)
    joints = len(skeleton.joints)
    phase = torch.arange(frames, dtype=torch.float64)[:, None, None] * 0.3
    shift, size = (torch.rand(2, joints, 3, generator=draw, dtype=torch.float64)).unbind(0)
    rotations = roma.rotvec_to_unitquat(0.6 * size * torch.sin(phase + 2 * math.pi * shift))
    spin = torch.zeros(frames, 3, dtype=torch.float64)
    spin[:, 1] = torch.linspace(0, 2.5 * math.pi, frames)
    rotations[:, 0] = roma.quat_product(roma.rotvec_to_unitquat(spin), rotations[:, 0])
    root = torch.zeros(frames, 3, dtype=torch.float64)
    root[:, 1] = 0.95
    root[:, 2] = torch.linspace(0.0, 1.7, frames)
    return Motion.from_rotations(skeleton, rotations, root, fps)


def standing(skeleton_name: str = "humanml3d", heading: float = 0.0, frames: int = 2) -> Motion:
    """Return the rest pose over the origin, turned about Y."""
    skeleton = get_skeleton(skeleton_name)
    rotations = torch.zeros(frames, len(skeleton.joints), 4)
    rotations[..., 3] = 1.0
    rotations[:, 0] = torch.tensor([0.0, math.sin(heading / 2), 0.0, math.cos(heading / 2)])
    return Motion.from_rotations(skeleton, rotations, torch.tensor([[0.0, 0.9, 0.0]]).expand(frames, 3), FPS)


def slide(motion: Motion, centimetres: float, seed: int = 0) -> Motion:
    """Return the motion as a network might make it: smooth noise in the path over the ground and in the legs' turns.

    Args:
        motion: any.
        centimetres: standard deviation of the noise of the path; the legs' is 0.5 degrees a centimetre.
        seed: of the noise.
    """
    draw = torch.Generator().manual_seed(seed)
    legs = [joint for limb in find_limbs(motion.skeleton) if limb.kind == "leg" for joint in limb[1:4]]
    noise = torch.randn(3 * len(legs) + 2, motion.frames + 40, generator=draw, dtype=torch.float64)
    noise = smooth(noise, 0.25 * motion.fps)[:, 20:-20]
    noise = (noise - noise[:, :1]) / noise.std() * centimetres
    turns = motion.rotations.double().clone()
    spins = torch.deg2rad(0.5 * noise[2:]).reshape(len(legs), 3, -1).permute(2, 0, 1)
    turns[:, legs] = roma.quat_product(turns[:, legs], roma.rotvec_to_unitquat(spins))
    root = motion.root.double().clone()
    root[:, [0, 2]] += 0.01 * noise[:2].T
    return Motion.from_rotations(motion.skeleton, turns, root, motion.fps)
