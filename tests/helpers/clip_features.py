"""The published features one clip at a time in numpy, all frames of a joint at once: how notebooks prepare data."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter1d

from helpers.slow_features import CHAINS, REST, UP
from helpers.trees import Array


def clip_features(positions: Array) -> Array:
    """Return features (T-1, 263) of joints (T, 22, 3), turned so that the first frame faces +Z."""
    across = positions[0, 2] - positions[0, 1] + positions[0, 17] - positions[0, 16]
    joints = _apply(_yaw(-np.arctan2(across[2:], -across[:1])), positions)
    sideways = joints[:, 1] - joints[:, 2] + joints[:, 17] - joints[:, 16]
    sideways = sideways / np.linalg.norm(sideways, axis=-1, keepdims=True)
    forward = gaussian_filter1d(np.cross(UP, sideways), 20.0, axis=0, mode="nearest")
    angles = np.arctan2(forward[:, 0], forward[:, 2])
    angles[0] = 0.0
    back = _yaw(-angles)
    moved = np.diff(joints, axis=0)
    turn = np.arcsin(np.sin(-np.diff(angles) / 2))
    step = _apply(back[1:], moved[:, :1])[:, 0]
    placed = _apply(back, joints - joints[:, :1] * np.array([1.0, 0.0, 1.0]))[:-1, 1:]
    velocities = _apply(back[:-1], moved)
    six = np.zeros((len(joints), 22, 6))
    for chain in CHAINS:
        before = back
        for parent, joint in pairwise(chain):
            turned = _swing(REST[joint], joints[:, joint] - joints[:, parent])
            local = np.swapaxes(before, -1, -2) @ turned
            six[:, joint] = np.concatenate((local[..., 0], local[..., 1]), axis=-1)
            before = turned
    feet = (moved[:, [7, 10, 8, 11]] ** 2).sum(-1) < 0.002
    root = np.stack((turn, step[:, 0], step[:, 2], joints[:-1, 0, 1]), axis=-1)
    blocks = (block.reshape(len(moved), -1) for block in (placed, six[:-1, 1:], velocities))
    return np.concatenate((root, *blocks, feet), axis=-1)


def _yaw(angles: Array) -> Array:
    """Return matrices (T, 3, 3) that turn +Z towards +X."""
    sin, cos, zero, one = np.sin(angles), np.cos(angles), np.zeros_like(angles), np.ones_like(angles)
    rows = ((cos, zero, sin), (zero, one, zero), (-sin, zero, cos))
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _apply(matrices: Array, vectors: Array) -> Array:
    """Turn vectors (T, J, 3) by matrices (T or 1, 3, 3)."""
    return vectors @ np.swapaxes(matrices, -1, -2)


def _swing(source: Array, target: Array) -> Array:
    """Return the smallest rotations (T, 3, 3) from one direction (3,) to directions (T, 3): Rodrigues' formula."""
    goal = target / np.linalg.norm(target, axis=-1, keepdims=True)
    axis = np.cross(source, goal)
    zero = np.zeros(len(goal))
    x, y, z = axis.T
    rows = ((zero, -z, y), (z, zero, -x), (-y, x, zero))
    cross = np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
    return np.eye(3) + cross + cross @ cross / (1 + goal @ source)[:, None, None]
