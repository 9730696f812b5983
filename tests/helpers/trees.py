"""Random joint trees, poses and motions, and the matrices that tests compare quaternions with."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import roma
import torch
from hypothesis import strategies as st
from torch import Tensor

from scalemogen.motion import Motion
from scalemogen.skeletons import Skeleton, derive_skeleton

Array = npt.NDArray[np.float64]

seeds = st.integers(0, 2**31 - 1)
prime_joints = st.sampled_from([5, 7, 11, 13])


def random_tree(joints: int, seed: int, contacts: int = 3) -> Skeleton:
    """Return a skeleton of any shape; the root has at least two children that do not lie on one line."""
    draw = np.random.default_rng(seed)
    parents = [-1, 0, 0, *(int(draw.integers(0, joint)) for joint in range(3, joints))]
    offsets = draw.normal(0, 0.3, (joints, 3))
    offsets[1:3, :2] += [[0.4, 0.0], [0.0, 0.4]]
    sides = draw.permutation(joints)[:4]
    return derive_skeleton(
        f"tree {seed}",
        [f"joint {joint}" for joint in range(joints)],
        parents,
        offsets.tolist(),
        contacts=sorted(int(joint) for joint in draw.permutation(joints)[:contacts]),
        mirror=list(range(joints)),
        facing=[int(joint) for joint in sides],
    )


def smooth_rotations(shape: tuple[int, ...], frames: int, seed: int, size: float = 0.5) -> Tensor:
    """Return rotations (*shape, frames, 4) float64, in prime-sized use, that swing slowly about random axes."""
    draw = torch.Generator().manual_seed(seed)
    phase = torch.rand(*shape, 1, 3, generator=draw, dtype=torch.float64) * 2 * math.pi
    rate = 0.1 + 0.2 * torch.rand(*shape, 1, 3, generator=draw, dtype=torch.float64)
    time = torch.arange(frames, dtype=torch.float64)[:, None]
    vectors: Tensor = roma.rotvec_to_unitquat(size * torch.sin(phase + rate * time))
    return vectors


def random_motion(skeleton: Skeleton, frames: int, seed: int, fps: float = 20.0) -> Motion:
    """Return a motion that turns, travels and moves every joint."""
    draw = torch.Generator().manual_seed(seed)
    rotations = smooth_rotations((len(skeleton.joints),), frames, seed).transpose(0, 1).contiguous()
    turn = torch.linspace(0, 7.0, frames, dtype=torch.float64) + 6.0 * torch.rand((), generator=draw).item()
    yaw = torch.zeros(frames, 3, dtype=torch.float64)
    yaw[:, 1] = turn
    rotations[:, 0] = roma.quat_product(roma.rotvec_to_unitquat(yaw), rotations[:, 0])
    start = torch.randn(3, generator=draw, dtype=torch.float64)
    root = start + 0.03 * torch.randn(frames, 3, generator=draw, dtype=torch.float64).cumsum(0)
    return Motion.from_rotations(skeleton, rotations, root, fps)


def matrices(quaternions: Tensor) -> Array:
    """Return rotation matrices (..., 3, 3) of quaternions xyzw, written out by hand."""
    x, y, z, w = np.moveaxis(quaternions.double().numpy(), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


def slow_kinematics(
    rotations: Array, root: Array, offsets: Array, parents: tuple[int, ...]
) -> tuple[list[Array], list[Array]]:
    """Return world matrices and positions of one frame, joint by joint."""
    world, positions = [rotations[0]], [root]
    for joint, parent in enumerate(parents[1:], start=1):
        positions.append(positions[parent] + world[parent] @ offsets[joint])
        world.append(world[parent] @ rotations[joint])
    return world, positions
